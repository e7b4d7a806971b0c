//! The task of one future: taken when it first has to wait, and given back when it goes.
#![forbid(unsafe_code)]

use super::task::Task;
use std::task::Waker;

pub(crate) struct OwnTask(Option<&'static Task>);

impl OwnTask {
    /// That of a future that has not waited yet.
    pub(crate) const NONE: OwnTask = OwnTask(None);

    /// The task, if there has been a wait.
    pub(crate) fn get(&self) -> Option<&'static Task> {
        self.0
    }

    /// Says whom to wake. Outside locks and brackets.
    pub(crate) fn set_waker(&mut self, waker: &Waker) -> &'static Task {
        let task = *self.0.get_or_insert_with(Task::take);
        task.set(waker);
        task
    }
}

impl Drop for OwnTask {
    fn drop(&mut self) {
        if let Some(task) = self.0 {
            task.give_back();
        }
    }
}
