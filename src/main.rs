//! The command-line program.

fn main() -> std::process::ExitCode {
    railwatch::cli::main()
}
