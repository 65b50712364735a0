//! Long computations in pieces, so that what is more urgent can go in between.
//!
//! What learns beside the frames says once, for its thread, how it gives way
//! ([`give_way_by`]); loops that may take long on any thread call [`give_way`]
//! between pieces of a fraction of a millisecond. Elsewhere that is one look at
//! an empty place.

use std::cell::RefCell;

type Way = Box<dyn FnMut()>;

thread_local! {
    static WAY: RefCell<Option<Way>> = const { RefCell::new(None) };
}

/// Lets this thread give way with `way` from now on.
pub fn give_way_by(way: impl FnMut() + 'static) {
    WAY.with_borrow_mut(|place| *place = Some(Box::new(way)));
}

/// Between two pieces of work.
pub fn give_way() {
    WAY.with_borrow_mut(|place| {
        if let Some(way) = place {
            way();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn only_the_thread_that_said_how_gives_way() {
        give_way();
        let times = Rc::new(Cell::new(0));
        let counted = Rc::clone(&times);
        give_way_by(move || counted.set(counted.get() + 1));
        give_way();
        give_way();
        assert_eq!(times.get(), 2);
    }
}
