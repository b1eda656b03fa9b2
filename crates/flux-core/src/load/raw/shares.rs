//! Who owns the dates of zones of a raw export: this file, a later delivery, another file of the same one.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::ownership::Owner;
use crate::load::layout::Slice;
use crate::load::raw::discover::Delivery;
use crate::report::plural;

/// Which slices of a file are not its to store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Those of a later delivery, or of another file of the same delivery and run.
    pub(crate) superseded: BTreeSet<Slice>,
    /// How many of them, by the rank of the delivery that has them.
    pub(crate) by_delivery: BTreeMap<u32, u64>,
    /// Those that a run that was stopped has stored already.
    pub(crate) done: BTreeSet<Slice>,
}

/// Shares slices out between their present owners and `own`, the file at hand. `resumable` tells whether what the file itself owns
/// was stored by a run that was stopped.
pub(crate) fn share(owners: &BTreeMap<Slice, Owner>, own: &Owner, resumable: bool) -> Shares {
    let mut shares = Shares::default();
    for (slice, other) in owners {
        let is_later = other.delivery > own.delivery;
        let is_twin = other.delivery == own.delivery && other.run == own.run && other.content != own.content;
        if is_later || is_twin {
            *shares.by_delivery.entry(other.delivery).or_default() += 1;
            shares.superseded.insert(*slice);
        } else if resumable && other.content == own.content {
            shares.done.insert(*slice);
        }
    }
    shares
}

impl Shares {
    /// Dates × zones that another file of the delivery itself has brought.
    pub(crate) fn overlaps(&self, own: Delivery) -> u64 {
        self.by_delivery.get(&own.rank()).copied().unwrap_or(0)
    }

    /// What there is to tell people.
    pub(crate) fn note(&self, own: Delivery) -> Option<String> {
        let mut notes = Vec::new();
        for (rank, slices) in &self.by_delivery {
            let delivery = Delivery::from_rank(*rank);
            let slices = |one, many| plural(*slices, one, many);
            notes.push(match delivery == own {
                true => {
                    let slices = slices("date × zone figure", "dates × zones figurent");
                    format!("{slices} dans un autre fichier de {own}, qui l'emporte")
                }
                false => {
                    let slices = slices("date × zone remplacée", "dates × zones remplacées");
                    format!("{slices} par la livraison {delivery}")
                }
            });
        }
        if !self.done.is_empty() {
            notes.push(format!(
                "repris : {}",
                plural(self.done.len() as u64, "date × zone était déjà chargée", "dates × zones étaient déjà chargées")
            ));
        }
        (!notes.is_empty()).then(|| notes.join(" ; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(delivery: u32, run: &str, content: &str) -> Owner {
        Owner { delivery, run: run.into(), content: content.into() }
    }

    #[test]
    fn a_later_delivery_and_a_twin_keep_what_they_have() {
        let own = owner(20_240_002, "now", "mine");
        let owners = BTreeMap::from([
            (Slice(1), owner(20_240_003, "before", "later")),
            (Slice(2), owner(20_240_001, "before", "earlier")),
            (Slice(3), owner(20_240_002, "now", "twin")),
            // Of the same delivery, but of an earlier run: replaced by the file at hand.
            (Slice(4), owner(20_240_002, "before", "former")),
            (Slice(5), owner(20_240_002, "before", "mine")),
        ]);
        let shares = share(&owners, &own, false);
        assert_eq!(shares.superseded, BTreeSet::from([Slice(1), Slice(3)]));
        assert_eq!(shares.by_delivery, BTreeMap::from([(20_240_003, 1), (20_240_002, 1)]));
        assert!(shares.done.is_empty());
        assert_eq!(shares.overlaps(Delivery { year: 2024, number: 2 }), 1);
        assert_eq!(share(&owners, &own, true).done, BTreeSet::from([Slice(5)]));
    }

    #[test]
    fn free_slices_are_shared_with_nobody() {
        assert_eq!(share(&BTreeMap::new(), &owner(1, "now", "mine"), true), Shares::default());
        assert_eq!(Shares::default().note(Delivery { year: 2024, number: 2 }), None);
    }
}
