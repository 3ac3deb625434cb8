//! The program: its faces put together, and nothing else.

use std::process::ExitCode;

use entracte::app::console::said::Said;
use entracte::app::desk;
use entracte::app::serve::Certificate;
use entracte::cli::args::DemoArgs;
use entracte::cli::console::ConsoleArgs;
use entracte::cli::dispatch;
use entracte::cli::dispatch::Faces;
use entracte::console;
use entracte::console::Shown;
use entracte::demo;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = desk::child(&arguments) {
        return ExitCode::from(code);
    }
    let demo =
        |args: DemoArgs| demo::run(&demo::Request { folder: args.dir, serve: args.serve, port: args.port });
    let console = |args: ConsoleArgs, say: &mut dyn FnMut(Said)| {
        let ConsoleArgs {
            sites, list, all, listen, public_url: public, certificate, key, open, home, ..
        } = args;
        let shown = match list {
            Some(list) => Shown::List(list),
            None if all => Shown::Scheduled,
            None => Shown::Folders(sites),
        };
        let certificate = certificate.zip(key).map(|(chain, key)| Certificate { chain, key });
        let request = console::Request { shown, listen, certificate, public, home: home.home, open };
        console::run(&request, say)
    };
    ExitCode::from(dispatch::run(arguments, Faces { demo, console }).code())
}
