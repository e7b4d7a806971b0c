//! The rows under criterion: has this change made one of them slower?
//!
//! `cargo bench --bench sched` compares with its last run; `-- --save-baseline NAME` and
//! `-- --baseline NAME` with a run kept under a name; `-- ring` runs the rows with that in their
//! name. Criterion has no opinion on what a time should be; the ceilings are `versus`'s business.
//!
//! A row times itself inside the runtime, so all criterion does is choose the number of turns and
//! judge the answers. Rows whose turn is a batch of a million take about a second each and get the
//! fewest samples that criterion allows, all of the same length.

mod programs;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use programs::{ROWS, Row};

/// From this many operations on, one turn is already a whole sample.
const LONG_TURN: u64 = 1_000_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for row in ROWS {
        register(&mut criterion, row);
    }
    criterion.final_summary();
}

fn register(criterion: &mut Criterion, row: &Row) {
    let mut group = criterion.benchmark_group("sched");
    group.throughput(Throughput::Elements(row.per));
    if row.per >= LONG_TURN {
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.measurement_time(Duration::from_secs(10));
    }
    group.bench_function(row.name, |bencher| bencher.iter_custom(row.run));
    group.finish();
}
