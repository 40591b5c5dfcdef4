//! Failures of a disk and of a process's descriptors, and the rehearsal of a save before a token is
//! spent, in the order of `Replacement::prepare` in `host/src/store/replace.rs`.

use crate::disk::{Pid, Syncing};
use crate::mind::Mind;
use crate::mutation::Mutation;
use crate::world::World;

/// A failure of the step that is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DiskFault {
    /// ENOSPC, this once.
    NoSpace,
    /// EINVAL, ENOSYS or ENOTSUP from each sync, from now on.
    SyncUnsupported,
    /// EIO from each sync, from now on.
    SyncFails,
    /// EPERM, EACCES, ESTALE or EXDEV from this rename.
    RenameRefused,
    /// EPERM, EACCES, ESTALE or EXDEV from each rename, from now on.
    RenamesRefused,
    /// EMFILE from each call that opens a file or a socket, from now on, in this process.
    NoDescriptors,
}

use DiskFault::{
    NoDescriptors, NoSpace, RenameRefused, RenamesRefused, SyncFails, SyncUnsupported,
};

impl DiskFault {
    /// Faults of a call that opens a file that is there, or a socket.
    pub(crate) const OF_AN_OPEN: &[DiskFault] = &[NoDescriptors];
    /// Faults of creating a file.
    pub(crate) const OF_A_CREATION: &[DiskFault] = &[NoSpace, NoDescriptors];
    /// Faults of `mkdir`.
    pub(crate) const OF_A_DIRECTORY: &[DiskFault] = &[NoSpace];
    /// Faults of making room for a new file and trying what the save will need.
    pub(crate) const OF_A_TRIAL: &[DiskFault] =
        &[NoSpace, SyncUnsupported, SyncFails, RenameRefused, RenamesRefused, NoDescriptors];
    /// Faults of filling the new file.
    pub(crate) const OF_A_FILL: &[DiskFault] =
        &[NoSpace, SyncUnsupported, SyncFails, NoDescriptors];
    /// Faults of a rename.
    pub(crate) const OF_A_RENAME: &[DiskFault] = &[NoSpace, RenameRefused, RenamesRefused];
}

/// An excuse: a file may be blank or gone.
pub(crate) const CUT_UNSYNCED: &str = "the power was cut where no sync works";

impl<M: Mind> World<M> {
    /// Failures that the next step of a process can meet and that are not there already.
    pub(crate) fn disk_faults(&self, pid: usize) -> Vec<DiskFault> {
        let is_new = |fault: &DiskFault| match fault {
            NoSpace | RenameRefused => true,
            SyncUnsupported | SyncFails => self.disk.syncing == Syncing::Works,
            RenamesRefused => !self.disk.refuses_renames,
            NoDescriptors => !self.processes[pid].is_out_of_descriptors,
        };
        let faults = self.processes[pid].op.disk_faults().iter().copied();
        faults.filter(|fault| is_new(fault) && self.budget.of_disk(*fault) > 0).collect()
    }

    /// Makes a failure last for as long as its kind does.
    pub(crate) fn break_disk(&mut self, pid: usize, fault: DiskFault) {
        match fault {
            NoSpace => self.ledger.disk_failed.push(pid as Pid),
            SyncUnsupported => self.disk.syncing = Syncing::Unsupported,
            SyncFails => {
                self.disk.syncing = Syncing::Fails;
                self.disk.breakdowns += 1;
            }
            RenameRefused => {}
            RenamesRefused => {
                self.disk.refuses_renames = true;
                self.disk.breakdowns += 1;
            }
            NoDescriptors => self.processes[pid].is_out_of_descriptors = true,
        }
    }

    /// Returns whether a process can open a file, with a free descriptor or with a spare one.
    pub(crate) fn can_open(&self, pid: usize) -> bool {
        let process = &self.processes[pid];
        let has_spares = process.holds_spares && !self.is(Mutation::NoSpareDescriptors);
        !process.is_out_of_descriptors || has_spares
    }

    /// Returns whether a rename is refused now.
    pub(crate) fn is_rename_refused(&self, fault: Option<DiskFault>) -> bool {
        self.disk.refuses_renames || fault == Some(RenameRefused)
    }

    /// Makes the new file, tries a sync and a rename with it, and holds spare descriptors. With an
    /// answer in hand nothing is tried. Returns whether all of it worked; a sync that is not
    /// supported stops nobody.
    pub(crate) fn prepare(&mut self, pid: usize, fault: Option<DiskFault>) -> bool {
        let is_refused = self.disk.syncing == Syncing::Fails || self.is_rename_refused(fault);
        let tries = !self.processes[pid].mind.is_critical() && !self.is(Mutation::NoTrial);
        if (is_refused && tries) || fault == Some(NoSpace) || !self.can_open(pid) {
            return false;
        }
        self.disk.temporary.push(pid as Pid);
        self.processes[pid].holds_spares = true;
        self.processes[pid].breakdowns_seen = self.disk.breakdowns;
        true
    }

    /// Fails where a process of ours spends a token although the disk refused, already before its
    /// lock, what the answer will need.
    pub(crate) fn check_trial(&mut self, pid: usize) {
        let is_broken = self.disk.syncing == Syncing::Fails || self.disk.refuses_renames;
        if is_broken && self.processes[pid].breakdowns_seen == self.disk.breakdowns {
            self.fail(format!("{pid} spends a token, and the disk fails already"));
        }
    }

    /// Excuses what follows where a process is interrupted in the middle of a write in place, which
    /// leaves a file that is not whole.
    pub(crate) fn excuse_torn_write(&mut self, pid: usize) {
        if self.processes[pid].is_overwriting() {
            self.ledger.excuse("interrupted while the file was written in place");
        }
    }
}
