//! What can be broken on purpose: a simulator that finds none of these would find nothing.

/// The mistakes, and the list of all of them: none can be left out.
macro_rules! mutations {
    ($($(#[$doc:meta])* $mutation:ident,)*) => {
        /// A mistake in a host, or in what a flow is told, as if the core had made it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Mutation {
            $($(#[$doc])* $mutation,)*
        }

        impl Mutation {
            /// All of them.
            pub const ALL: &[Mutation] = &[$(Mutation::$mutation,)*];
        }
    };
}

mutations! {
    /// The file is not read again under the lock: what was read before it counts.
    NoSecondRead,
    /// The file is not read again before the answer is written.
    NoReadBeforeWrite,
    /// No lock is taken.
    NoLock,
    /// The kernel lock alone: the agent does not see it.
    NoDirectoryLock,
    /// The directory alone, as the agent has it.
    NoKernelLock,
    /// Nobody looks whether the lock is still held before the file is replaced.
    NoLookAtTheLock,
    /// A dead lock is removed without being renamed away first.
    TakeOverWithoutRename,
    /// A lock that looks dead is not watched.
    TakeOverUnwatched,
    /// A lock counts as dead after 5 s, of which it was watched for half.
    TakeOverEarly,
    /// The lock is not touched while it is held.
    NoTouch,
    /// A lock that is let go is removed, whoever's it is.
    ReleaseOthersLock,
    /// A login that cannot be refreshed is deleted.
    DeleteOnFailure,
    /// Where the answer has no refresh token, none is stored.
    ForgetRefreshToken,
    /// The file is truncated and written, without a second one.
    WriteInPlace,
    /// The new file is not synced before it takes the place of the old one.
    NoSync,
    /// A signal ends a process at once.
    StopAtOnce,
    /// A failed refresh is not remembered.
    NoBackoff,
    /// Half a file counts as corrupt at once.
    BelieveHalfFile,
    /// A corrupt file counts as an empty one.
    CorruptIsEmpty,
    /// A lock that is lost is a failure.
    GiveUpLostLock,
    /// A write that fails is not tried again.
    GiveUpFailedWrite,
    /// A process waits for a lock for ever.
    WaitForEver,
    /// The move from `oauth.json` to `auth.json` goes unseen.
    IgnoreMove,
    /// A lock whose directory was lost is let go as a whole, before it is taken again.
    LetKernelLockGo,
    /// Nobody looks whether the file is still the one that was read.
    NoCompare,
    /// A write in the middle of the agent's move counts as written.
    NoLookForTheMove,
    /// A lock counts as dead after a minute only.
    TakeOverLate,
    /// The agent's lock is watched for no longer than ours.
    WatchBriefly,
    /// A lock that was caught by mistake is put back, whatever stands there by now.
    PutBackOverAnother,
    /// What killed processes left behind is not swept.
    NoSweep,
    /// A login or a logout is told that it was written, and was not.
    WriteNothing,
    /// The file is written anew as a whole, instead of edited.
    WriteAnew,
    /// An answer of which a part cannot be used is dropped whole.
    DropOddAnswer,
    /// A new file that cannot be synced is not put in place.
    GiveUpFailedSync,
    /// A rename that is refused is the end of the write.
    GiveUpRefusedRename,
    /// No descriptors are held for the save.
    NoSpareDescriptors,
    /// A probe keeps no descriptors for the lock and the save.
    LetSparesOfAProbeGo,
    /// Nobody tries to sync and to rename before a token is spent.
    NoTrial,
}
