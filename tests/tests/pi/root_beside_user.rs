//! Root works in the home of a user, as `sudo pi login` does: what it makes is the user's.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

use pi_auth_tests::machine::files::mode;
use pi_auth_tests::machine::plain_user::PlainUser;
use pi_auth_tests::pi::{Age, Home};

use crate::login::{assert_logged_in, log_in_by_paste, paste};
use crate::sandbox;

fn user() -> Result<PlainUser, String> {
    match rustix::process::geteuid().is_root() {
        true => PlainUser::find(),
        false => Err("only root can work for another user".to_owned()),
    }
}

/// Owner and group.
fn owner(path: &Path) -> (u32, u32) {
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.uid(), metadata.gid())
}

#[test]
fn a_login_of_root_in_the_home_of_a_user_can_be_used_by_that_user() {
    let user = or_skip!(user());
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    user.own(home.path());
    let theirs = owner(home.path());
    assert_ne!(theirs.0, 0);

    log_in_by_paste(&home).exits(0);
    assert_eq!(owner(&home.path().join(".pi")), theirs);
    assert_eq!(owner(&home.agent_dir()), theirs);
    assert_eq!(mode(&home.agent_dir()), 0o700);
    for name in home.names() {
        assert_eq!(owner(&home.agent_dir().join(&name)), theirs, "{name}");
    }
    home.pi_as(&user, &["token", "anthropic"]).run().exits(0).is_quiet();
    home.store(&sandbox.issue(), Age::Expired.expires());
    home.pi(["token", "anthropic"]).run().exits(0).is_quiet();
    assert_logged_in(&home, &sandbox);
    home.pi_as(&user, &["logout", "anthropic"]).run().exits(0);
}

#[test]
fn new_directories_get_the_owner_of_the_nearest_that_was_there() {
    let user = or_skip!(user());
    let sandbox = sandbox();
    for theirs in [false, true] {
        let home = Home::at(&sandbox);
        let near = home.path().join("near");
        fs::create_dir(&near).unwrap();
        user.own(home.path());
        if !theirs {
            lchown(&near, Some(0), Some(0)).unwrap();
        }
        let arguments = ["login", "anthropic", "--no-browser"];
        let directory = near.join("a/b/c");
        let mut login = home.pi(arguments).env("PI_CODING_AGENT_DIR", &directory).start();
        paste(&mut login);
        login.finish().exits(0);
        for path in
            [near.join("a"), near.join("a/b"), directory.clone(), directory.join("oauth.json")]
        {
            assert_eq!(owner(&path), owner(&near), "{}", path.display());
        }
        assert_eq!(mode(&directory), 0o700);
    }
}

#[test]
fn a_user_keeps_what_they_make_in_a_directory_of_roots() {
    let user = or_skip!(user());
    let sandbox = sandbox();
    let home = Home::at(&sandbox);
    user.own(home.path());
    let theirs = owner(home.path());
    let shared = home.path().join("shared");
    fs::create_dir(&shared).unwrap();
    pi_auth_tests::machine::files::set_mode(&shared, 0o1777);
    let directory = shared.join("agent");
    let arguments = ["login", "anthropic", "--no-browser"];
    let mut login = home.pi_as(&user, &arguments).env("PI_CODING_AGENT_DIR", &directory).start();
    paste(&mut login);
    login.finish().exits(0);
    assert_eq!(owner(&directory), theirs);
    assert_eq!(owner(&directory.join("oauth.json")), theirs);
}
