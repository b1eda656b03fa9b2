//! How names are spelt: what is the same name written another way. Source: `domain.md` §3, steps 1 to 3.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::domain::catalogue::Dim;

/// Step 1: composed, upper case, trimmed, inner spaces collapsed, typographic signs made plain, surrounding quotes dropped.
pub(crate) fn normalise(dim: Dim, raw: &str) -> String {
    if let Some(name) = quickly(raw) {
        return name;
    }
    let mut plain = String::with_capacity(raw.len());
    // In capitals first: that of « ŉ » is written with an apostrophe of its own.
    for c in raw.nfc().flat_map(char::to_uppercase) {
        match c {
            // Not U+201A: it is the « é » of a DOS file read as Windows-1252, and what is made an apostrophe is folded away.
            '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{02BC}' | '\u{00B4}' | '\u{2032}' | '`' => plain.push('\''),
            '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{00AB}' | '\u{00BB}' => plain.push('"'),
            '\u{FEFF}' | '\u{200B}' | '\u{00AD}' => {}
            '\u{2010}' | '\u{2011}' => plain.push('-'),
            ';' if dim == Dim::Pays => plain.push(','),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.push(c),
        }
    }
    // Some capitals of precomposed letters come decomposed.
    let plain: String = plain.nfc().collect();
    let mut name = plain.trim();
    while let Some(inner) = unquoted(name) {
        name = inner.trim();
    }
    let mut collapsed = String::with_capacity(name.len());
    for word in name.split(' ').filter(|word| !word.is_empty()) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// [`normalise`] of the names that most are: letters of ASCII and Latin-1, whose composed forms stand for themselves and whose capitals are
/// one letter each (all but « ß »), with nothing to trim, to collapse or to make plain. The names of all communes are read at each start.
fn quickly(raw: &str) -> Option<String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, 'À'..='þ') && !matches!(c, '×' | '÷' | 'ß');
    if !raw.starts_with(is_letter) || !raw.ends_with(is_letter) || raw.contains("  ") {
        return None;
    }
    let mut name = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '-' | '\'' | ' ' => name.push(c),
            c if is_letter(c) => name.extend(c.to_uppercase()),
            _ => return None,
        }
    }
    Some(name)
}

fn unquoted(name: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| name.strip_prefix(quote)?.strip_suffix(quote))
}

/// Step 3: accents, hyphens, apostrophes and spaces folded away; ligatures spelled out.
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    if name.is_ascii() {
        folded.extend(name.chars().filter(|c| !matches!(c, '-' | '\'' | ' ')).map(|c| c.to_ascii_uppercase()));
        return folded;
    }
    for c in name.chars() {
        // The order of the marks does not matter: they go.
        decompose_canonical(c, |c| match c {
            '-' | '\'' | ' ' | '\u{2019}' | '\u{2013}' => {}
            'Œ' | 'œ' => folded.push_str("OE"),
            'Æ' | 'æ' => folded.push_str("AE"),
            c if c.is_ascii() => folded.push(c.to_ascii_uppercase()),
            c if is_combining_mark(c) => {}
            c => folded.extend(c.to_uppercase()),
        });
    }
    folded
}

/// What names are sorted by, as a French dictionary does: ARDÈCHE before ARDENNES, whatever the accents, hyphens and spaces.
pub(crate) fn alphabetical(name: &str) -> (String, String) {
    (fold(name), name.to_owned())
}

/// A name without its accents, otherwise as it is.
pub(crate) fn without_accents(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.nfd() {
        match c {
            'Œ' => plain.push_str("OE"),
            'Æ' => plain.push_str("AE"),
            c if is_combining_mark(c) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// `ST`, `STE` as whole words stand for `SAINT`, `SAINTE`; `None` where the name holds neither.
pub(crate) fn saint(name: &str) -> Option<String> {
    if !name.contains("ST") {
        return None;
    }
    let mut changed = false;
    let mut result = String::with_capacity(name.len() + 4);
    for piece in name.split_inclusive([' ', '-', '\'']) {
        let word = piece.trim_end_matches([' ', '-', '\'']);
        let long = match word {
            "ST" => "SAINT",
            "STE" => "SAINTE",
            other => other,
        };
        changed |= long != word;
        result.push_str(long);
        result.push_str(&piece[word.len()..]);
    }
    changed.then_some(result)
}

/// Number of nights that a stay's label begins with.
pub(crate) fn nights(label: &str) -> Option<u32> {
    let digits: String = label.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|nights| (1..=999).contains(nights))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quick_or_not_a_name_is_the_same(name in "[A-Za-zÀ-ÿŒœŸ' ×÷ß-]{0,12}", more in "[a-zÀ-ÿ\u{300}-\u{304} ]{0,3}") {
            for name in [&name, &format!("{name}{more}")] {
                if let Some(quick) = quickly(name) {
                    let slow: String = name.nfc().flat_map(char::to_uppercase).nfc().collect();
                    prop_assert_eq!(quick, slow);
                }
                let slow: String = name.nfd().filter(|c| !is_combining_mark(*c) && !"-' ".contains(*c)).collect();
                prop_assert_eq!(fold(name), slow.replace(['Œ', 'œ'], "OE").replace(['Æ', 'æ'], "AE").to_uppercase());
            }
        }
    }

    #[test]
    fn st_is_a_word_of_its_own() {
        assert_eq!(saint("ST-FLOUR").as_deref(), Some("SAINT-FLOUR"));
        assert_eq!(saint("NEUVEGLISE-SUR-TRUYERE STE MARIE").as_deref(), Some("NEUVEGLISE-SUR-TRUYERE SAINTE MARIE"));
        assert_eq!(saint("STAINS"), None);
        assert_eq!(saint("EST"), None);
    }
}
