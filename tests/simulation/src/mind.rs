//! A real flow under way, in two forms: one that lives, and one that is remembered.
//!
//! A flow is a function of what it was told: so where every schedule is tried, each flow is run
//! only once for each history of events, and looked up from then on. That makes a world something
//! that can be copied and compared, though no flow can.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use pi_auth_core::flow::{Effect, Event, Flow, Request};
use pi_auth_core::json;

/// A flow, and the effect that it waits for.
pub(crate) trait Mind: Clone + Hash {
    /// Begins a job.
    fn begin(&self, request: &str) -> Self;
    /// What it asks for.
    fn effect(&self) -> Effect;
    /// See [`Flow::is_critical`].
    fn is_critical(&self) -> bool;
    /// Tells it what came of that.
    fn step(&mut self, event: Event, now_ms: u64);
}

/// The first effect of a job, which is written as JSON.
///
/// # Panics
///
/// If it is no job.
#[allow(clippy::panic)]
fn start(request: &str) -> (Flow, Effect) {
    match json::from_str::<Request>(request) {
        Ok(request) => Flow::start(request),
        Err(_) => panic!("this is no job: {request}"),
    }
}

/// A flow that lives: quick, and there is only one of it.
pub(crate) struct Live(RefCell<Option<(Flow, Effect)>>);

impl Live {
    /// No flow yet; what others are begun by.
    pub(crate) fn none() -> Self {
        Live(RefCell::new(None))
    }
}

/// Copies are needed only where every schedule is tried.
#[allow(clippy::panic)]
impl Clone for Live {
    fn clone(&self) -> Self {
        match self.0.borrow().as_ref() {
            None => Live::none(),
            Some(_) => panic!("a live flow cannot be copied"),
        }
    }
}

impl Hash for Live {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Mind for Live {
    fn begin(&self, request: &str) -> Self {
        Live(RefCell::new(Some(start(request))))
    }

    fn effect(&self) -> Effect {
        self.0.borrow().as_ref().map_or(Effect::ReadOverrides, |(_, effect)| effect.clone())
    }

    fn is_critical(&self) -> bool {
        self.0.borrow().as_ref().is_some_and(|(flow, _)| flow.is_critical())
    }

    fn step(&mut self, event: Event, now_ms: u64) {
        if let Some((flow, effect)) = self.0.get_mut() {
            *effect = flow.step(event, now_ms);
        }
    }
}

/// A flow that is remembered: a page in a book that all worlds share.
#[derive(Clone)]
pub(crate) struct Remembered {
    book: Rc<RefCell<Book>>,
    page: usize,
}

/// Every history that was seen so far.
#[derive(Default)]
struct Book {
    pages: Vec<Page>,
    beginnings: HashMap<String, usize>,
}

struct Page {
    effect: Effect,
    is_critical: bool,
    /// The job, or the page before and what was told there.
    before: Result<(usize, Event, u64), String>,
    after: HashMap<(String, u64), usize>,
}

impl Remembered {
    /// An empty book.
    pub(crate) fn none() -> Self {
        Remembered { book: Rc::default(), page: 0 }
    }
}

impl Hash for Remembered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.page.hash(state);
    }
}

impl Mind for Remembered {
    fn begin(&self, request: &str) -> Self {
        let page = self.book.borrow_mut().beginning(request);
        Remembered { book: self.book.clone(), page }
    }

    fn effect(&self) -> Effect {
        self.book.borrow().pages[self.page].effect.clone()
    }

    fn is_critical(&self) -> bool {
        self.book.borrow().pages[self.page].is_critical
    }

    fn step(&mut self, event: Event, now_ms: u64) {
        self.page = self.book.borrow_mut().after(self.page, event, now_ms);
    }
}

impl Book {
    fn beginning(&mut self, request: &str) -> usize {
        if let Some(page) = self.beginnings.get(request) {
            return *page;
        }
        let (flow, effect) = start(request);
        let page = self.add(&flow, effect, Err(request.to_owned()));
        self.beginnings.insert(request.to_owned(), page);
        page
    }

    fn after(&mut self, page: usize, event: Event, now_ms: u64) -> usize {
        let key = (json::to_string(&event), now_ms);
        if let Some(page) = self.pages[page].after.get(&key) {
            return *page;
        }
        let mut flow = self.flow_at(page);
        let effect = flow.step(event.clone(), now_ms);
        let next = self.add(&flow, effect, Ok((page, event, now_ms)));
        self.pages[page].after.insert(key, next);
        next
    }

    fn add(
        &mut self,
        flow: &Flow,
        effect: Effect,
        before: Result<(usize, Event, u64), String>,
    ) -> usize {
        let (is_critical, after) = (flow.is_critical(), HashMap::new());
        self.pages.push(Page { effect, is_critical, before, after });
        self.pages.len() - 1
    }

    /// The flow as it is on this page: told once more what it was told.
    fn flow_at(&self, page: usize) -> Flow {
        match &self.pages[page].before {
            Err(request) => start(request).0,
            Ok((before, event, now_ms)) => {
                let mut flow = self.flow_at(*before);
                flow.step(event.clone(), *now_ms);
                flow
            }
        }
    }
}
