//! Rows of a backup: one line each, fields between tabs, in the form that LOAD DATA reads by default; and their digest.

use mysql::Value;

use crate::error::{Error, Result};

/// Order-free digest of a table's rows: two tables with the same lines, as often, agree on it, whatever the order in which a
/// server gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest {
    sum: u128,
    pub(super) rows: u64,
}

impl Digest {
    /// Adds one line, without its end.
    pub(super) fn add(&mut self, line: &[u8]) {
        let hash = blake3::hash(line);
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_bytes()[..16]);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(half));
        self.rows += 1;
    }

    pub(super) fn hex(&self) -> String {
        format!("{:032x}", self.sum)
    }
}

/// How a column's values are written, where the wire form alone does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A date without a time.
    Date,
    /// A year; `0` in text would mean 2000.
    Year,
    Plain,
}

impl Form {
    /// By the column's type.
    pub(super) fn of(data_type: &str) -> Self {
        match data_type.to_ascii_lowercase().as_str() {
            "date" => Form::Date,
            "year" => Form::Year,
            _ => Form::Plain,
        }
    }
}

/// Appends a row, without the line's end.
pub(super) fn encode(values: &[Value], forms: &[Form], line: &mut Vec<u8>) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
        }
        let form = forms.get(index).copied().unwrap_or(Form::Plain);
        match value {
            Value::NULL => line.extend_from_slice(b"\\N"),
            Value::Bytes(bytes) => escape(bytes, line),
            other => line.extend_from_slice(text(other, form).as_bytes()),
        }
    }
}

fn text(value: &Value, form: Form) -> String {
    match *value {
        Value::Int(number) if form == Form::Year => format!("{number:04}"),
        Value::UInt(number) if form == Form::Year => format!("{number:04}"),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        // The shortest text that reads back as the same number.
        Value::Float(number) => format!("{number:?}"),
        Value::Double(number) => format!("{number:?}"),
        Value::Date(year, month, day, ..) if form == Form::Date => format!("{year:04}-{month:02}-{day:02}"),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}")
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}")
        }
        Value::NULL | Value::Bytes(_) => String::new(),
    }
}

fn escape(bytes: &[u8], line: &mut Vec<u8>) {
    for &byte in bytes {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            0 => line.extend_from_slice(b"\\0"),
            byte => line.push(byte),
        }
    }
}

/// Reads a line, without its end, back into `columns` values, all text or NULL.
///
/// # Errors
/// [`Error::BadFile`] when it is not such a line.
pub(super) fn decode(line: &[u8], columns: usize) -> Result<Vec<Value>> {
    let mut values = Vec::with_capacity(columns);
    for field in line.split(|&byte| byte == b'\t') {
        if field == b"\\N" {
            values.push(Value::NULL);
            continue;
        }
        let mut bytes = Vec::with_capacity(field.len());
        let mut rest = field.iter();
        while let Some(&byte) = rest.next() {
            let plain = match (byte, if byte == b'\\' { rest.next() } else { None }) {
                (b'\\', Some(b'\\')) => b'\\',
                (b'\\', Some(b't')) => b'\t',
                (b'\\', Some(b'n')) => b'\n',
                (b'\\', Some(b'r')) => b'\r',
                (b'\\', Some(b'0')) => 0,
                (b'\\', _) => return Err(Error::BadFile("échappement inconnu dans la sauvegarde".into())),
                (byte, _) => byte,
            };
            bytes.push(plain);
        }
        values.push(Value::Bytes(bytes));
    }
    if values.len() != columns {
        let found = values.len();
        return Err(Error::BadFile(format!("{found} valeurs au lieu de {columns} sur une ligne de la sauvegarde")));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_come_back(fields in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), 1..6)) {
            let values: Vec<Value> = fields.iter().map(|f| f.clone().map_or(Value::NULL, Value::Bytes)).collect();
            let mut line = Vec::new();
            encode(&values, &[], &mut line);
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            prop_assert_eq!(decode(&line, values.len()).unwrap(), values);
        }
    }

    #[test]
    fn typed_values_are_written_as_the_servers_read_them() {
        let values = [
            Value::Int(-5),
            Value::Date(2025, 7, 1, 0, 0, 0, 0),
            Value::Date(2025, 7, 1, 0, 0, 0, 0),
            Value::Date(2025, 7, 1, 12, 0, 0, 500),
            Value::Time(true, 1, 2, 3, 4, 0),
            Value::Int(0),
            Value::Float(0.1),
            Value::Double(1e300),
        ];
        let forms = [Form::Plain, Form::Date, Form::Plain, Form::Plain, Form::Plain, Form::Year];
        let mut line = Vec::new();
        encode(&values, &forms, &mut line);
        let expected = "-5\t2025-07-01\t2025-07-01 00:00:00\t2025-07-01 12:00:00.000500\t-26:03:04\t0000\t0.1\t1e300";
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn a_digest_ignores_the_order_but_not_a_repetition() {
        let of = |lines: &[&str]| {
            let mut digest = Digest::default();
            lines.iter().for_each(|line| digest.add(line.as_bytes()));
            digest
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "a"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "a"]).hex(), of(&["b", "b"]).hex(), "pairs do not cancel out");
    }

    #[test]
    fn damaged_lines_are_refused() {
        assert!(decode(b"a\tb", 3).is_err());
        assert!(decode(b"a\\x", 1).is_err());
        assert!(decode(b"a\\", 1).is_err());
    }
}
