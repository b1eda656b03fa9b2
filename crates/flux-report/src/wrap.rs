//! Lines broken between words.

/// The line in pieces of at most `width` characters. What does not fit stands under the text of the first piece; a word, a command in
/// backquotes, a number or a sign with its word stays in one piece, be it too wide.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<String> {
    let line = line.trim_end();
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    let indent = indent(line, width);
    let mut pieces = Vec::new();
    let (mut piece, mut columns) = (String::new(), 0);
    for word in words(line) {
        let long = word.chars().count();
        let fits = columns + word.trim_end().chars().count() <= width;
        if !fits && columns > indent {
            pieces.push(std::mem::take(&mut piece).trim_end().to_owned());
            piece = " ".repeat(indent);
            columns = indent;
        }
        piece.push_str(word);
        columns += long;
    }
    pieces.push(piece.trim_end().to_owned());
    pieces
}

/// Where the text of a line begins: after its blanks and its sign, or in the second column of what looks like a table.
fn indent(line: &str, width: usize) -> usize {
    let start = line.chars().take_while(|c| *c == ' ').count();
    let rest = &line[start..];
    let sign = ["✓ ", "⚠ ", "✗ ", "→ ", "- ", "• "].iter().any(|sign| rest.starts_with(sign));
    let begin = if sign { start + 2 } else { start };
    let text: Vec<char> = line.chars().collect();
    let column = (begin + 2..text.len().min(width / 2)).rfind(|at| text[at - 2..*at] == [' ', ' '] && text[*at] != ' ');
    column.unwrap_or(begin)
}

/// The pieces that stay whole, each with the blanks behind it; leading blanks are part of the first one.
fn words(line: &str) -> Vec<&str> {
    let bytes = line.as_bytes();
    let first = line.len() - line.trim_start().len();
    let (mut words, mut begin, mut quoted) = (Vec::new(), 0, false);
    for at in first..bytes.len() {
        if bytes[at] == b'`' {
            quoted = !quoted && line[at + 1..].contains('`');
        }
        let ends = bytes[at] == b' ' && bytes.get(at + 1).is_some_and(|next| *next != b' ');
        if ends && !quoted && !glued(&line[begin..at], &line[at + 1..]) {
            words.push(&line[begin..=at]);
            begin = at + 1;
        }
    }
    words.push(&line[begin..]);
    words
}

/// Whether a blank stays a blank: signs stay with their word, the groups of a number with each other.
fn glued(before: &str, after: &str) -> bool {
    let after = after.split(' ').next().unwrap_or_default();
    let before = before.trim_end();
    let sign = |text: &str| [":", ";", "!", "?", "»", "%"].contains(&text.trim_end_matches([',', '.', ')']));
    let group = after.len() >= 3
        && after.bytes().take(3).all(|b| b.is_ascii_digit())
        && !after[3..].starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let opens = ["«", "✓", "⚠", "✗", "→"].iter().any(|sign| before.trim_start().ends_with(sign));
    sign(after) || opens || (group && before.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_go_under_the_text_of_their_line() {
        let line = "  → lancez `update-temp-tables --force`, puis relancez le contrôle";
        let expected = ["  → lancez", "    `update-temp-tables --force`,", "    puis relancez le contrôle"];
        assert_eq!(wrap(line, 34), expected);
        assert_eq!(wrap("⚠ une zone : deux lignes", 12), ["⚠ une zone :", "  deux", "  lignes"]);
        assert_eq!(wrap("  nom    ce que cela veut dire", 22), ["  nom    ce que cela", "         veut dire"]);
    }

    #[test]
    fn numbers_and_signs_stay_with_their_word() {
        assert_eq!(wrap("en tout 1 234 567 lignes", 12), ["en tout", "1 234 567", "lignes"]);
        assert_eq!(wrap("le nom « Cantal » manque", 16), ["le nom", "« Cantal »", "manque"]);
    }

    #[test]
    fn a_long_word_stays_whole() {
        assert_eq!(wrap("un /chemin/bien/trop/long ici", 10), ["un", "/chemin/bien/trop/long", "ici"]);
        assert_eq!(wrap("/chemin/bien/trop/long", 10), ["/chemin/bien/trop/long"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_short_words_fit(words in prop::collection::vec("[a-zé`]{1,9}", 1..40), width in 40usize..100) {
            let line = words.join(" ");
            let pieces = wrap(&line, width);
            prop_assert_eq!(pieces.join(" "), line.clone());
            if !line.contains('`') {
                prop_assert!(pieces.iter().all(|piece| piece.chars().count() <= width));
            }
        }
    }
}
