//! Uploads that nobody goes on with.

use filetime::FileTime;

use super::super::desk::Console;
use super::super::support::faketime;
use super::*;

/// Of the machine's hours, two seconds each.
const FAST: &str = "+0 x1800";

impl Bed {
    /// Begins one whose last byte came long ago.
    fn leave(&self, name: &str) {
        upload(self.begin(name, 10, ""));
        let long_ago = FileTime::from_unix_time(1_000_000_000, 0);
        for name in self.inbox() {
            filetime::set_file_mtime(self.state().join("inbox").join(name), long_ago).unwrap();
        }
        assert_eq!(self.inbox().len(), 2, "part and record");
    }

    fn wait_until_swept(&self) {
        for _ in 0..3000 {
            if self.inbox().is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("they stay: {:?}", self.inbox());
    }
}

#[test]
fn a_console_sweeps_when_it_starts_and_once_an_hour() {
    if faketime::library().is_none() {
        return;
    }
    let bed = Bed::new();
    bed.leave("at-start.zip");
    let _console = Console::start(&faketime::entracte(&bed.small.root(), FAST), &[]);
    bed.wait_until_swept();
    // Nobody begins another one, and no console starts.
    bed.leave("an-hour-later.zip");
    bed.wait_until_swept();
}
