//! `add-missing-zones`: zones of the reference of which no name is stored.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Session;
use crate::dims;
use crate::domain::catalogue::Dim;
use crate::domain::names::normalise;
use crate::domain::reference;
use crate::error::Result;
use crate::figures::zone::Zones;
use crate::report::{Done, Page, Report, Table, Verdict};
use crate::task::{Context, Task};

/// A zone of the reference.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Zone {
    /// First name of its group.
    pub zone: &'static str,
    /// The stored name that answers to it; `None` for one that was added.
    pub(crate) stored_as: Option<String>,
    /// Its id; `None` when it would be added.
    pub(crate) id_zone: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AddReport {
    #[serde(rename = "dry_run")]
    done: Done,
    added: u64,
    zones: Vec<Zone>,
}

/// `add-missing-zones`.
#[derive(Debug, Clone, Copy)]
pub struct MissingZones {
    /// Only says what would be added.
    pub dry_run: bool,
}

impl Task for MissingZones {
    /// Adds them under the lock, in one transaction.
    ///
    /// # Errors
    /// Those of the connection and the lock, [`crate::error::Error::MissingTable`].
    fn run(self, context: &Context) -> Result<impl Report> {
        let database = &context.database()?;
        if self.dry_run {
            let zones = plan(&mut database.session()?)?;
            return Ok(report(zones, true));
        }
        let _lock = crate::ledger::lock(database)?;
        let zones = database.transaction(|session| {
            let mut zones = plan(session)?;
            let names: Vec<String> = missing(&zones).map(|zone| normalise(Dim::Zone, zone.zone)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let ids = dims::create(session, Dim::Zone, &names)?;
            let absent = zones.iter_mut().filter(|zone| zone.stored_as.is_none());
            for (zone, id) in absent.zip(ids) {
                zone.id_zone = Some(id);
            }
            Ok(zones)
        })?;
        Ok(report(zones, false))
    }
}

fn missing(zones: &[Zone]) -> impl Iterator<Item = &Zone> {
    zones.iter().filter(|zone| zone.stored_as.is_none())
}

fn plan(session: &mut Session) -> Result<Vec<Zone>> {
    let zones = Zones::load(session)?;
    let visible = reference::zones().iter().filter(|zone| zone.visible);
    let of_reference = visible.map(|zone| match zones.preferred(zone.zone) {
        Ok(row) => Zone { zone: zone.zone, stored_as: Some(row.name.clone()), id_zone: row.id },
        Err(_) => Zone { zone: zone.zone, stored_as: None, id_zone: None },
    });
    Ok(of_reference.collect())
}

fn report(zones: Vec<Zone>, dry_run: bool) -> AddReport {
    AddReport { done: Done::unless(dry_run), added: missing(&zones).count() as u64, zones }
}

impl Report for AddReport {
    fn render(&self, page: &mut Page) {
        let mut table = Table::new(&["zone", "en base", ">id"]);
        for zone in &self.zones {
            let state = match &zone.stored_as {
                Some(name) if name == zone.zone => "✓".to_owned(),
                Some(name) => format!("✓ sous le nom {name}"),
                None => self.done.say("ajoutée", "à ajouter").into(),
            };
            table.row([zone.zone.into(), state, zone.id_zone.map_or_else(String::new, |id| id.to_string())]);
        }
        page.table(&table);
        page.gap();
        page.conclude(Verdict::Ok, self.done.count(self.added, ["zone", "zones"], ["ajoutée", "ajoutées"]));
    }

    fn done(&self) -> Done {
        self.done
    }
}
