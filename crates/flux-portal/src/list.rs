//! Lists as files for spreadsheets. A name never acts as a formula.

use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::{Map, Value};

/// A row: columns in their order.
pub(crate) type Row = Map<String, Value>;

/// What a spreadsheet would take for the beginning of a formula.
fn acts(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// Text that a spreadsheet shows as it is.
pub(crate) fn inert(text: &str) -> String {
    if acts(text) { format!("'{text}") } else { text.to_owned() }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "oui" } else { "non" }.into(),
        // As French spreadsheets read them.
        Value::Number(number) => number.to_string().replace('.', ","),
        Value::String(text) => inert(text),
        Value::Array(items) => inert(&items.iter().map(cell).collect::<Vec<_>>().join(" ")),
        Value::Object(_) => String::new(),
    }
}

/// UTF-8 with BOM, `;`, a header line with the columns of the first row.
///
/// # Errors
/// What the writer says.
pub(crate) fn csv(rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(b"\xEF\xBB\xBF".to_vec());
    if let Some(first) = rows.first() {
        writer.write_record(first.keys())?;
        for row in rows {
            writer.write_record(first.keys().map(|column| row.get(column).map(cell).unwrap_or_default()))?;
        }
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Content type of a workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A workbook of one sheet, numbers as numbers. Texts are stored as texts, which no program reads as a formula.
///
/// # Errors
/// What the writer says.
pub(crate) fn xlsx(rows: &[Row]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let (bold, whole, decimal) =
        (Format::new().set_bold(), Format::new().set_num_format("#,##0"), Format::new().set_num_format("#,##0.0#"));
    let sheet = book.add_worksheet();
    sheet.set_freeze_panes(1, 0)?;
    let columns: Vec<&String> = rows.first().map(|row| row.keys().collect()).unwrap_or_default();
    for (at, column) in (0..).zip(&columns) {
        sheet.write_string_with_format(0, at, column.as_str(), &bold)?;
    }
    for (line, row) in (1..).zip(rows) {
        for (at, column) in (0..).zip(&columns) {
            match row.get(*column) {
                None | Some(Value::Null) => {}
                Some(Value::Number(number)) => {
                    let format = if number.is_f64() { &decimal } else { &whole };
                    sheet.write_number_with_format(line, at, number.as_f64().unwrap_or_default(), format)?;
                }
                Some(Value::String(text)) => {
                    sheet.write_string(line, at, text)?;
                }
                Some(other) => {
                    sheet.write_string(line, at, cell(other))?;
                }
            }
        }
    }
    sheet.autofit();
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_no_formula_and_a_number_stays_one() {
        let row = |nom: &str| json!({"nom": nom, "n": -12, "part": 12.5, "rien": null}).as_object().unwrap().clone();
        let rows: Vec<Row> = ["=1+1", "@x;y", "-5", "L'Été \"x\""].iter().map(|nom| row(nom)).collect();
        let text = String::from_utf8(csv(&rows).unwrap()).unwrap();
        let expected = "\u{feff}nom;n;part;rien\n'=1+1;-12;12,5;\n\"'@x;y\";-12;12,5;\n'-5;-12;12,5;\n\"L'Été \"\"x\"\"\";-12;12,5;\n";
        assert_eq!(text, expected);
        assert_eq!(csv(&[]).unwrap(), b"\xEF\xBB\xBF");
    }
}
