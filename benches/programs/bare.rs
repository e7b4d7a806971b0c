//! The command line of a benchmark that takes no arguments.

/// Whether `cargo bench` runs this, and not `cargo test --benches`, which is only to see that it still works
/// (command.rs says how they differ). Ends the process if there are arguments.
pub fn is_bench() -> bool {
    let (cargo, ours): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--bench");
    if let Some(argument) = ours.first() {
        eprintln!("this benchmark takes no arguments, and so not `{argument}`");
        std::process::exit(2);
    }
    !cargo.is_empty()
}
