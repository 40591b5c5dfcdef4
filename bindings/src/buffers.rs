//! The memory that the raw door lends.
//!
//! Each buffer stays owned here and is found by its address, so that no address from outside is
//! ever followed.

use alloc::string::String;
use alloc::vec::Vec;

/// The longest buffer that is lent, in bytes (16 MiB): far more than any event is long.
pub const MAX_BYTES: usize = 16 << 20;

/// The buffers that are lent.
#[derive(Default)]
pub struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// Lends nothing yet.
    pub const fn new() -> Self {
        Buffers(Vec::new())
    }

    /// Lends `len` bytes, all zero, and gives their address; `None` where there is no room.
    pub fn lend(&mut self, len: usize) -> Option<usize> {
        // One that is empty has no address of its own.
        let len = len.max(1);
        if len > MAX_BYTES {
            return None;
        }
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(len).ok()?;
        buffer.resize(len, 0);
        Some(self.keep(buffer))
    }

    /// Lends a text and gives its address.
    pub fn lend_text(&mut self, text: String) -> usize {
        self.keep(text.into_bytes())
    }

    /// The first `len` bytes of the buffer at `address`, if it is lent, that long, and text.
    pub fn text(&self, address: usize, len: usize) -> Option<&str> {
        core::str::from_utf8(self.0.get(self.position(address)?)?.get(..len)?).ok()
    }

    /// The same to be written to, as whoever was lent it may.
    pub fn bytes_mut(&mut self, address: usize) -> Option<&mut [u8]> {
        let position = self.position(address)?;
        Some(self.0.get_mut(position)?)
    }

    /// Takes a buffer back, if it was lent.
    pub fn take_back(&mut self, address: usize) {
        if let Some(position) = self.position(address) {
            self.0.swap_remove(position);
        }
    }

    /// How many are lent.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, address: usize) -> Option<usize> {
        self.0.iter().position(|buffer| buffer.as_ptr().addr() == address)
    }

    fn keep(&mut self, buffer: Vec<u8>) -> usize {
        let address = buffer.as_ptr().expose_provenance();
        self.0.push(buffer);
        address
    }
}
