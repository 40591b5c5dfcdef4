//! What a program without a system has to bring along: state, memory, and an end.
//!
//! Without the standard library, that is, which brings all three, but also 26 KB of printing for a
//! panic that nobody would see.

#![allow(unsafe_code, reason = "an allocator and a static are not to be had without")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::{Cell, RefCell};
use core::hint::black_box;
use core::panic::PanicInfo;
use core::ptr;

use crate::module::Module;

/// The state of this instance.
static MODULE: Single<RefCell<Module>> = Single(RefCell::new(Module::new()));

/// Does something with the state of this instance.
pub(crate) fn with_module<T>(act: impl FnOnce(&mut Module) -> T) -> T {
    // There are no imports, so nothing that is called from here comes back in.
    act(&mut MODULE.0.borrow_mut())
}

/// A value that one thread alone sees.
struct Single<T>(T);

// SAFETY: an instance of the module has one thread. It is built without WebAssembly's threads (the
// target feature `atomics`), so its memory is not shared and no second thread can enter.
#[cfg(not(target_feature = "atomics"))]
unsafe impl<T> Sync for Single<T> {}

/// A program that has failed its own assumptions stops at once.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}

#[global_allocator]
static HEAP: Single<Heap> = Single(Heap::new());

/// The size of a WebAssembly page, in bytes.
const PAGE: usize = 65_536;
/// The smallest block, in bytes; all blocks are aligned to it.
const MIN_BLOCK: usize = 16;
/// How many sizes of blocks there are, each twice the one before: up to 2 GiB.
const SIZES: usize = 28;

/// An allocator that wipes: what is given back holds no secret, whatever it was.
///
/// A block's size is a power of two, and a free block is in the list of its size, whose links stand
/// in the blocks themselves. Blocks are neither split nor joined: the events of a host repeat, and
/// so do their sizes.
struct Heap {
    /// The first free block of each size; null where there is none.
    free: [Cell<*mut u8>; SIZES],
    /// The memory that was never used: where it begins, and where it ends.
    fresh: Cell<usize>,
    end: Cell<usize>,
}

impl Heap {
    const fn new() -> Self {
        let none = [const { Cell::new(ptr::null_mut()) }; SIZES];
        Heap { free: none, fresh: Cell::new(0), end: Cell::new(0) }
    }

    /// The list of free blocks of one size.
    fn list(&self, block: usize) -> &Cell<*mut u8> {
        let index = block.trailing_zeros() - MIN_BLOCK.trailing_zeros();
        &self.free[index as usize]
    }

    /// A block that was never used; null where there is no room. The numbers wrap where the memory
    /// is full, at 4 GiB.
    fn take(&self, block: usize) -> *mut u8 {
        if self.end.get().wrapping_sub(self.fresh.get()) < block {
            let pages = block.div_ceil(PAGE);
            let before = wasm32::memory_grow::<0>(pages);
            if before == usize::MAX {
                return ptr::null_mut();
            }
            let start = before.wrapping_mul(PAGE);
            if start != self.end.get() {
                // The first time, or somebody else has grown the memory: what was left stays
                // unused.
                self.fresh.set(start);
            }
            self.end.set(start.wrapping_add(pages * PAGE));
        }
        let at = self.fresh.get();
        self.fresh.set(at.wrapping_add(block));
        ptr::with_exposed_provenance_mut(at)
    }
}

/// The size of the block for a layout: it depends on nothing else.
fn block_for(size: usize) -> usize {
    size.max(MIN_BLOCK).next_power_of_two()
}

// SAFETY: a block is taken from memory that nobody else uses (fresh pages), or from the list of its
// size, on which it is only while it is free; it is at least as large as asked for, and aligned to
// 16 bytes, beyond which nothing is given out. No method panics: a layout's size is at most 2 GiB,
// so its block has a list.
unsafe impl GlobalAlloc for Single<Heap> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > MIN_BLOCK {
            return ptr::null_mut();
        }
        let block = block_for(layout.size());
        let list = self.0.list(block);
        let first = list.get();
        if first.is_null() {
            return self.0.take(block);
        }
        // SAFETY: a block on a list holds the link to the next, which `dealloc` has written.
        list.set(unsafe { first.cast::<*mut u8>().read() });
        first
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let block = block_for(layout.size());
        let list = self.0.list(block);
        // SAFETY: the caller gives up a block of this size, which is large enough for a link and
        // aligned for one.
        unsafe {
            at.write_bytes(0, block);
            // As if somebody looked: or the zeros might be left out.
            black_box(at).cast::<*mut u8>().write(list.get());
        }
        list.set(at);
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block_for(layout.size()) == block_for(size) {
            return at;
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, is no more than
        // 2 GiB, and that `at` was allocated with `layout`.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(at, layout.size().min(size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}
