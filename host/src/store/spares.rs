//! File descriptors that are held so that others can be had when it matters.

use std::fs::File;
use std::io;

use super::dir::Dir;

/// Descriptors that serve no purpose but to be closed when others are needed.
#[derive(Default)]
pub(crate) struct Spares {
    /// Original of the copies, kept while they are lent so that they can be made again.
    original: Option<File>,
    copies: Vec<File>,
    count: usize,
}

impl Spares {
    /// Takes `count` of them, or fails.
    pub(super) fn take(dir: &Dir, count: usize) -> io::Result<Self> {
        let mut spares = Self::of(dir.copy()?, count);
        spares.fill()?;
        Ok(spares)
    }

    /// Takes `count` of them, or as many as can be had.
    pub(super) fn take_some(dir: &Dir, count: usize) -> Self {
        let mut spares = dir.copy().map(|file| Self::of(file, count)).unwrap_or_default();
        spares.retake();
        spares
    }

    fn of(original: File, count: usize) -> Self {
        Spares { original: Some(original), copies: Vec::new(), count }
    }

    /// Closes them.
    pub(crate) fn release(&mut self) {
        self.copies.clear();
    }

    /// Takes them again, as many as can be had.
    pub(crate) fn retake(&mut self) {
        // With fewer of them a save may still work.
        let _ = self.fill();
    }

    /// Does `work` while they are closed.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.release();
        let done = work();
        self.retake();
        done
    }

    fn fill(&mut self) -> io::Result<()> {
        if let Some(original) = &self.original {
            while self.copies.len() < self.count {
                self.copies.push(original.try_clone()?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lent_is_held_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut spares = Spares::take(&Dir::open(directory.path()).unwrap(), 3).unwrap();
        assert_eq!(spares.copies.len(), 3);
        spares.release();
        assert_eq!(spares.copies.len(), 0);
        assert_eq!(spares.lend(|| 7), 7);
        assert_eq!(spares.copies.len(), 3);
        let mut none = Spares::default();
        none.retake();
        assert_eq!(none.copies.len(), 0);
    }
}
