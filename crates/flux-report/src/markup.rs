//! Text that goes into markup.

use super::page::is_hidden;

/// `<`, `>`, `&` and quotes made harmless; the spaces within numbers do not break.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' if safe.ends_with(|c: char| c.is_ascii_digit()) && chars.peek().is_some_and(char::is_ascii_digit) => {
                safe.push('\u{a0}');
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // No XML may hold the last two.
            c if (is_hidden(c) && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_drawing_can_hold_is_left_out() {
        assert_eq!(escape("A\u{1}B\u{ffff}C\u{fffe}"), "ABC");
    }

    #[test]
    fn numbers_stay_in_one_piece() {
        assert_eq!(escape("de 6 132 à 10 221 le 7 mai"), "de 6\u{a0}132 à 10\u{a0}221 le 7 mai");
    }
}
