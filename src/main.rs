//! The program: its faces put together, and nothing else.

use std::process::ExitCode;

use entracte::app::desk;
use entracte::cli::dispatch;
use entracte::demo;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = desk::child(&arguments) {
        return ExitCode::from(code);
    }
    let demo = |args: entracte::cli::args::DemoArgs| {
        demo::run(&demo::Request { folder: args.dir, serve: args.serve, port: args.port })
    };
    ExitCode::from(dispatch::run(arguments, demo).code())
}
