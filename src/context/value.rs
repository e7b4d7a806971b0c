//! The values of a context: a list whose tail is its parent's.
#![forbid(unsafe_code)]

use std::any::Any;
use std::iter;
use std::sync::Arc;

pub(super) struct Values {
    value: Box<dyn Any + Send + Sync>,
    older: Option<Arc<Values>>,
}

impl Values {
    pub(super) fn add<T: Any + Send + Sync>(value: T, older: Option<Arc<Values>>) -> Arc<Values> {
        Arc::new(Values {
            value: Box::new(value),
            older,
        })
    }

    /// The youngest value of this type.
    pub(super) fn find<T: Any>(&self) -> Option<&T> {
        let mut all = iter::successors(Some(self), |values| values.older.as_deref());
        all.find_map(|values| values.value.downcast_ref())
    }
}

impl Drop for Values {
    /// One after the other: a long list would not fit on the stack.
    fn drop(&mut self) {
        let mut next = self.older.take();
        while let Some(mut values) = next.and_then(Arc::into_inner) {
            next = values.older.take();
        }
    }
}
