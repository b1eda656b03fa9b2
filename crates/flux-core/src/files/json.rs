//! JSON of a stranger: how much it would take once it is read.

/// Values of a document that is read into memory, where each takes some hundred bytes however short it is written.
const MOST_VALUES: usize = 200_000;

/// Whether a document holds more values than any answer that these tools ask for.
pub fn is_heavy_json(text: &[u8]) -> bool {
    let (mut values, mut in_text, mut escaped) = (1usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values > MOST_VALUES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_what_stands_in_texts_is_not() {
        assert!(!is_heavy_json(
            format!("[\"{}\\\",{}\"]", ",[".repeat(MOST_VALUES), "{".repeat(MOST_VALUES)).as_bytes()
        ));
        assert!(is_heavy_json(format!("[{}0]", "0,".repeat(MOST_VALUES)).as_bytes()));
        assert!(is_heavy_json("[".repeat(MOST_VALUES + 1).as_bytes()));
        assert!(!is_heavy_json(format!("[{}0]", "0,".repeat(MOST_VALUES - 3)).as_bytes()));
    }
}
