//! Nothing in the module tells where it was built: two machines make the same bytes of one commit,
//! and nobody's name is shipped.

use std::path::PathBuf;

use crate::{Result, cargo};

/// What the messages of a panic could bring along: paths of this machine.
pub(super) fn check(module: &[u8]) -> Result {
    let own = [Some(cargo::workspace().canonicalize()?), variable("CARGO_HOME"), variable("HOME")];
    let own = own.into_iter().flatten().map(|path| path.to_string_lossy().into_owned());
    let usual = ["/home/", "/Users/", "/rustc/", ".cargo/registry"].map(str::to_owned);
    // A home that is `/` would be found anywhere.
    let found = own.filter(|path| path.len() > 3).chain(usual).find(|path| holds(module, path));
    match found {
        None => Ok(()),
        Some(path) => Err(format!(
            "the module holds a path of the machine that built it ({path}): let the compiler leave \
             it out, or map it with --remap-path-prefix"
        )
        .into()),
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn holds(module: &[u8], text: &str) -> bool {
    module.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_path_of_this_machine_is_found() {
        assert!(check(b"\0asm nothing of it").is_ok());
        let own = crate::cargo::workspace().canonicalize().map(|it| it.join("core/src/lib.rs"));
        let own = own.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        for path in [own.as_str(), "/rustc/0123/library", "x/.cargo/registry/src/y"] {
            assert!(check(format!("\0asm{path}\0").as_bytes()).is_err(), "{path}");
        }
    }
}
