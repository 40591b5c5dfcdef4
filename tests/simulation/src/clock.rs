//! The two kinds of time that a machine has.

/// Milliseconds that only ever go on, and that every machine here shares.
pub(crate) type Ms = u64;

/// What a machine's clock shows, in epoch milliseconds: it may be wrong, drift and jump.
pub(crate) type Wall = u64;

/// What the clock shows at the beginning of a world.
const BEGINNING: Wall = 1_700_000_000_000;

/// The clock of one machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Clock {
    /// How far it is from the truth, in milliseconds.
    pub(crate) off_by: i64,
}

impl Clock {
    /// What it shows at `now`.
    pub(crate) fn at(self, now: Ms) -> Wall {
        (BEGINNING + now).saturating_add_signed(self.off_by)
    }
}
