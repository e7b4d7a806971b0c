#[sudog::main(crate = "::sudog")]
fn main() -> impl std::process::Termination {
    std::process::ExitCode::SUCCESS
}
