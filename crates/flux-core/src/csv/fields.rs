//! Fields of one line.

use memchr::{memchr_iter, memchr3};

/// Reusable room for the fields of one line.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    ends: Vec<(u32, u32)>,
    unquoted: Vec<u8>,
    is_unquoted: bool,
}

impl Fields {
    /// How many fields the line has.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no field of the line that was split last holds anything but white space.
    pub(crate) fn are_blank(&self, line: &[u8]) -> bool {
        (0..self.len()).all(|index| self.get(line, index).trim_ascii().is_empty())
    }

    /// The field at `index` of the line that was split last; empty beyond the last one.
    #[inline]
    pub(crate) fn get<'a>(&'a self, line: &'a [u8], index: usize) -> &'a [u8] {
        let Some(&(from, to)) = self.ends.get(index) else { return b"" };
        let base = if self.is_unquoted { &self.unquoted } else { line };
        &base[from as usize..to as usize]
    }
}

/// Splits a line at `separator`; quoted fields lose their quotes.
///
/// # Errors
/// Why the line cannot be split, in French.
#[inline]
pub(crate) fn split(line: &[u8], separator: u8, fields: &mut Fields) -> Result<(), &'static str> {
    fields.ends.clear();
    match memchr3(b'"', 0, b'\r', line) {
        None => {
            fields.is_unquoted = false;
            let mut from = 0;
            for at in memchr_iter(separator, line) {
                fields.ends.push((from, at as u32));
                from = at as u32 + 1;
            }
            fields.ends.push((from, line.len() as u32));
            Ok(())
        }
        Some(_) if line.contains(&0) => Err("octets nuls dans la ligne"),
        Some(_) if line.contains(&b'\r') => Err("retour chariot isolé (CR) dans la ligne"),
        Some(_) => split_quoted(line, separator, fields),
    }
}

fn split_quoted(line: &[u8], separator: u8, fields: &mut Fields) -> Result<(), &'static str> {
    fields.is_unquoted = true;
    fields.unquoted.clear();
    let mut at = 0;
    loop {
        let from = fields.unquoted.len() as u32;
        if line.get(at) == Some(&b'"') {
            at += 1;
            loop {
                match line.get(at) {
                    None => return Err("guillemet non fermé"),
                    Some(b'"') if line.get(at + 1) == Some(&b'"') => {
                        fields.unquoted.push(b'"');
                        at += 2;
                    }
                    Some(b'"') => {
                        at += 1;
                        break;
                    }
                    Some(byte) => {
                        fields.unquoted.push(*byte);
                        at += 1;
                    }
                }
            }
            if line.get(at).is_some_and(|byte| *byte != separator) {
                return Err("texte après un guillemet fermant");
            }
        } else {
            while let Some(byte) = line.get(at).filter(|byte| **byte != separator) {
                fields.unquoted.push(*byte);
                at += 1;
            }
        }
        fields.ends.push((from, fields.unquoted.len() as u32));
        match line.get(at) {
            None => return Ok(()),
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(line: &str) -> Result<Vec<String>, &'static str> {
        let mut fields = Fields::default();
        split(line.as_bytes(), b';', &mut fields)?;
        let text = |i| String::from_utf8(fields.get(line.as_bytes(), i).to_vec()).unwrap();
        Ok((0..fields.len()).map(text).collect())
    }

    #[test]
    fn plain_quoted_and_empty_fields() {
        assert_eq!(fields("a;b;c").unwrap(), ["a", "b", "c"]);
        assert_eq!(fields("\"a;1\";\"say \"\"x\"\"\";").unwrap(), ["a;1", "say \"x\"", ""]);
        assert_eq!(fields("").unwrap(), [""]);
        assert_eq!(fields("a;b\"c").unwrap(), ["a", "b\"c"]);
    }

    #[test]
    fn broken_lines_say_why() {
        assert_eq!(fields("\"a;b"), Err("guillemet non fermé"));
        assert_eq!(fields("\"a\"b;c"), Err("texte après un guillemet fermant"));
        assert_eq!(fields("a\0;b"), Err("octets nuls dans la ligne"));
        assert_eq!(fields("a;b\rc;d"), Err("retour chariot isolé (CR) dans la ligne"));
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(record in prop::collection::vec("[a-zé;\" ,]{0,8}", 1..8)) {
            let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
            writer.write_record(&record).unwrap();
            let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(fields(line.trim_end_matches('\n')).unwrap(), record);
        }
    }
}
