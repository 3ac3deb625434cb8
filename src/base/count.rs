//! How many there are of something, in words.

use std::fmt::Display;

/// `1 file`, `3 files`, `2 entries`; `one` is a single one of them.
pub fn of<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str) -> String {
    if count == N::from(1) {
        return format!("{count} {one}");
    }
    match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        let told = [of(0_u64, "file"), of(1_usize, "file"), of(2_i64, "accepted deviation")];
        assert_eq!(told, ["0 files", "1 file", "2 accepted deviations"]);
        assert_eq!([of(1_u32, "entry"), of(3_u32, "entry")], ["1 entry", "3 entries"]);
        assert_eq!([of(1_u32, "day"), of(3_u32, "day")], ["1 day", "3 days"]);
    }
}
