//! What is typed at a real terminal.

use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::support::terminal::Terminal;

const PASSWORD: &str = "four words and one";

#[test]
fn a_password_is_typed_twice_and_not_seen() {
    for (what, typed, code, says) in [
        ("the same", [PASSWORD, PASSWORD], 0, "ada"),
        ("others", [PASSWORD, "four words and two"], 5, "the two passwords differ"),
        ("too short", ["kurz", "kurz"], 5, "12"),
        ("Ctrl-C at once", ["\x03", ""], 130, "New password: "),
        ("Ctrl-C in the middle", ["half a pass\x03", ""], 130, "New password: "),
        ("Ctrl-C at the second", [PASSWORD, "\x03"], 130, "The same again: "),
    ] {
        let small = SmallSite::new();
        let entracte = small.adopt();
        let mut terminal =
            Terminal::start(&entracte.command(&["console", "user", "add", "ada", "--role", "operator"]));
        for (question, answer) in ["New password: ", "The same again: "].into_iter().zip(typed) {
            if answer.is_empty() {
                break;
            }
            terminal.wait_for(question);
            terminal.press(&if answer.ends_with('\x03') { answer.into() } else { format!("{answer}\r") });
        }
        let seen = terminal.end();
        assert!(seen.contains(&format!("ended with {code}")), "{what}: {seen}");
        assert!(seen.contains(says), "{what}: {seen}");
        for secret in ["four words", "kurz", "half a"] {
            assert!(!seen.contains(secret), "{what}: {secret} is seen: {seen}");
        }
        let is_shown_again = seen.split_whitespace().any(|word| word == "echo");
        assert!(is_shown_again && !seen.contains("-echo "), "{what}: {seen}");
        assert_eq!(has_account(&entracte), code == 0, "{what}");
    }
}

fn has_account(entracte: &Entracte) -> bool {
    entracte.run(&["console", "user", "list"]).stdout.contains("ada")
}
