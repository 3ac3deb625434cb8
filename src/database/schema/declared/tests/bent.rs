//! Files made of pieces that nearly mean something.

use proptest::prelude::*;

use super::*;

/// Pieces that are near to what the readers look for.
fn bent() -> impl Strategy<Value = String> {
    const PIECES: [&str; 52] = [
        "[tables.a]\n",
        "[tables.a.columns]\n",
        "id = ",
        "\"int\"",
        "{ type = ",
        "}",
        "\n",
        "[",
        "]",
        "(",
        ")",
        ",",
        ";",
        "'",
        "\"",
        "`",
        "--",
        " was: ",
        " drop table: ",
        " prefix: wp_",
        "/*",
        "*/",
        "/*!",
        "#",
        "CREATE ",
        "TABLE ",
        "VIEW ",
        "INDEX ",
        "ON ",
        "AS ",
        "SELECT ",
        "FROM ",
        "REFERENCES ",
        "CONSTRAINT ",
        "a",
        "wp_a",
        "{prefix}",
        ".",
        "\\",
        "ALTER ",
        "ADD ",
        "keys",
        "=",
        "primary",
        "\u{feff}",
        "é",
        "\0",
        "DELIMITER //\n",
        "IF NOT EXISTS ",
        "0x",
        "1e+",
        " narrow",
    ];
    prop::collection::vec(
        prop_oneof![8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => ".{0,3}"],
        0..40,
    )
    .prop_map(|pieces| pieces.concat())
}

/// A good file with one piece of it replaced.
fn bent_file() -> impl Strategy<Value = String> {
    let places = (any::<prop::sample::Index>(), 0_usize..12, bent());
    places.prop_map(|(at, length, piece)| {
        let characters: Vec<char> = WHOLE.chars().collect();
        let from = at.index(characters.len());
        let to = (from + length).min(characters.len());
        let text = |part: &[char]| part.iter().collect::<String>();
        text(&characters[..from]) + &piece.chars().take(12).collect::<String>() + &text(&characters[to..])
    })
}

fn cases() -> ProptestConfig {
    let many = std::env::var_os("ENTRACTE_TEST_FULL").is_some();
    ProptestConfig {
        cases: if many { 100_000 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever is taken is one statement each, and nothing but declarations.
    #[test]
    fn bent_files_are_refused_or_harmless(text in prop_oneof![bent(), bent_file()]) {
        for name in ["a.toml", "a.sql", "extension.toml"] {
            for dialect in [Dialect::MySql, Dialect::Sqlite] {
                let Ok(found) = parse(&[(name, &text)], dialect, "w_") else { continue };
                for statement in &found.statements {
                    prop_assert_eq!(crate::database::lexer::split(statement, dialect).unwrap().len(), 1);
                    let begins = ["CREATE ", "ALTER TABLE "].iter().any(|word| statement.to_uppercase().starts_with(word));
                    prop_assert!(begins, "{}", statement);
                }
            }
        }
    }
}
