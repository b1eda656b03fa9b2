//! What the database holds, and what is going on in it.

use flux_core::health;
use serde_json::{Value, json};

use crate::api::{Context, Document, json_of, row};
use crate::ask;
use crate::failure::Failure;

/// The inventory, page by page.
pub(super) fn tables(context: &mut Context<'_>) -> Result<Document, Failure> {
    let parameters = context.parameters;
    let kinds = match parameters.text("type") {
        None | Some("all") => Vec::new(),
        Some(kind) => vec![
            serde_json::from_value(kind.into())
                .map_err(|_| Failure::BadRequest("type : all, dim, fact, temp ou system est attendu".into()))?,
        ],
    };
    let number = |name: &str, usual: usize, least: usize, most: usize| match parameters.text(name) {
        None => Ok(usual),
        Some(text) => ask::number::<usize>(text)
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Failure::BadRequest(format!("{name} : un nombre de {least} à {most} est attendu"))),
    };
    let (limit, offset) = (number("limit", 1_000, 1, 1_000)?, number("offset", 0, 0, 100_000)?);
    let options = health::TableOptions { kinds, stats: false, structure: false };
    let inventory = json_of(&health::tables(context.database, &options)?)?;
    let mut all: Vec<Value> = inventory["tables"].as_array().cloned().unwrap_or_default();
    for table in &mut all {
        table["table_name"] = table["name"].clone();
    }
    let count = all.len();
    let page: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let next = offset + page.len();
    let body = json!({
        "success": true,
        "tables": page,
        "count": page.len(),
        "total": count,
        "total_bytes": inventory["total_bytes"],
        "next_offset": (next < count).then_some(next),
    });
    Ok(Document { body, rows: page.iter().map(row).collect::<Result<_, _>>()? })
}

/// Freshness, the last import, what runs.
pub(super) fn state(context: &mut Context<'_>) -> Result<Document, Failure> {
    let freshness = health::freshness::freshness(context.database)?;
    let mut body = json_of(&freshness)?;
    body["version_des_donnees"] = Value::String(context.version.to_string());
    Document::new(body, &freshness.tables)
}
