//! The question of a page: what its address asks, what stands where it asks nothing, and the form to ask something else.

use flux_core::domain::names::fold;
use flux_core::figures::choices::Choices;
use flux_core::figures::scope::Visitors;
use flux_core::figures::zone::Zone;
use maud::{Markup, html};

use crate::api::Context;
use crate::ask::Parameters;
use crate::failure::Failure;
use crate::pages::words;

/// What a page was asked, completed.
pub(super) struct Filters {
    pub(super) choices: Choices,
    pub(super) parameters: Parameters,
}

/// Names of one question.
const QUESTION: [&str; 6] = ["annee", "compare_annee", "periode", "debut", "fin", "zone"];

/// Names of two questions face to face.
const BOTH: [&str; 11] = [
    "annee_a",
    "periode_a",
    "debut_a",
    "fin_a",
    "zone_a",
    "annee_b",
    "periode_b",
    "debut_b",
    "fin_b",
    "zone_b",
    "visiteurs",
];

impl Filters {
    /// The last year with data, all of it, the whole département, where the address names none of them; none without any data.
    pub(super) fn of(context: &mut Context<'_>, choices: Choices) -> Option<Self> {
        let given = context.parameters;
        let year = choices.annees.first()?.to_string();
        let zone = choices.usual_zone(&context.config.departement)?.name.clone();
        let mut usual: Vec<(&str, &str)> = Vec::new();
        let dates = given.text("debut").is_some() || given.text("fin").is_some();
        for (name, value) in [("annee", year.as_str()), ("periode", "annee_complete"), ("zone", &zone)] {
            if given.text(name).is_none() && !(dates && name != "zone") {
                usual.push((name, value));
            }
        }
        let parameters = given.with(&usual);
        Some(Self { choices, parameters })
    }

    /// The same for two questions; the second is the year before.
    pub(super) fn of_two(context: &mut Context<'_>, choices: Choices) -> Option<Self> {
        let given = context.parameters;
        let year = *choices.annees.first()?;
        let zone = choices.usual_zone(&context.config.departement)?.name.clone();
        let mut usual: Vec<(String, String)> = Vec::new();
        for (suffix, year) in [("_a", year), ("_b", year - 1)] {
            let dates = given.text(&format!("debut{suffix}")).is_some();
            for (name, value) in
                [("annee", year.to_string()), ("periode", "annee_complete".to_owned()), ("zone", zone.clone())]
            {
                let name = format!("{name}{suffix}");
                if given.text(&name).is_none() && (!dates || name.starts_with("zone")) {
                    usual.push((name, value));
                }
            }
        }
        let usual: Vec<(&str, &str)> = usual.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let parameters = given.with(&usual);
        Some(Self { choices, parameters })
    }

    /// An address of the portal with this question and these others.
    pub(super) fn address(&self, context: &Context<'_>, path: &str, others: &[(&str, &str)]) -> String {
        let question = self.parameters.only(&QUESTION).with(others).query();
        format!("{}?{question}", context.config.path(path))
    }

    /// The same with two questions.
    pub(super) fn address_of_two(&self, context: &Context<'_>, path: &str, others: &[(&str, &str)]) -> String {
        format!("{}?{}", context.config.path(path), self.parameters.only(&BOTH).with(others).query())
    }

    /// The three tabs; links, so that each has an address.
    pub(super) fn tabs(&self, context: &Context<'_>, current: &str) -> Markup {
        html! {
            nav.onglets aria-label="Vues du tableau de bord" {
                ul {
                    @for (id, title) in [("touristes", "Touristes"), ("excursionnistes", "Excursionnistes"), ("comparer", "Comparer")] {
                        li { a href=(self.address(context, "/dashboard", &[("onglet", id)])) aria-current=[(id == current).then_some("page")] { (title) } }
                    }
                }
            }
        }
    }

    fn value(&self, name: &str) -> &str {
        self.parameters.text(name).unwrap_or_default()
    }

    /// The form; `hidden` goes along.
    pub(super) fn form(&self, action: &str, hidden: &[(&str, &str)]) -> Markup {
        html! {
            form.filtres method="get" action=(action) {
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                (self.fields("", true))
                p.actions { button type="submit" { "Afficher" } }
            }
        }
    }

    /// Two questions face to face.
    pub(super) fn form_of_two(&self, action: &str, visitors: Visitors) -> Markup {
        html! {
            form.filtres.deux method="get" action=(action) {
                input type="hidden" name="onglet" value="comparer";
                @for (suffix, title) in [("_a", "A"), ("_b", "B")] { fieldset { legend { (title) } (self.fields(suffix, false)) } }
                p { label for="visiteurs" { "Visiteurs" } select id="visiteurs" name="visiteurs" {
                    option value="touristes" selected[visitors == Visitors::Touristes] { "Touristes" }
                    option value="excursionnistes" selected[visitors == Visitors::Excursionnistes] { "Excursionnistes" }
                } }
                p.actions { button type="submit" { "Comparer" } }
            }
        }
    }

    fn fields(&self, suffix: &str, reference: bool) -> Markup {
        let name = |field: &str| format!("{field}{suffix}");
        // Dates win over a year and a period: the form shows theirs, and no period.
        let first = self.value(&name("debut"));
        let (year, period) = match first.get(..4) {
            Some(year) => (year, None),
            None => (self.value(&name("annee")), Some(self.value(&name("periode")))),
        };
        let reference_year = self.value("compare_annee");
        html! {
            p { label for=(name("zone")) { "Zone" } select id=(name("zone")) name=(name("zone")) { (self.zones(self.value(&name("zone")))) } }
            p { label for=(name("annee")) { "Année" } select id=(name("annee")) name=(name("annee")) {
                @for known in &self.choices.annees { option value=(known) selected[known.to_string() == year] { (known) } }
                @if !year.is_empty() && !self.choices.annees.iter().any(|known| known.to_string() == year) { option value=(year) selected { (year) } }
            } }
            @if reference {
                p { label for="compare_annee" { "Comparée à" } select id="compare_annee" name="compare_annee" {
                    option value="" { "la précédente" }
                    @for known in &self.choices.annees { option value=(known) selected[known.to_string() == reference_year] { (known) } }
                    @if !reference_year.is_empty() && !self.choices.annees.iter().any(|known| known.to_string() == reference_year) { option value=(reference_year) selected { (reference_year) } }
                } }
            }
            p { label for=(name("periode")) { "Période" } select id=(name("periode")) name=(name("periode")) { (self.periods(period, year)) } }
            div.dates {
                p { label for=(name("debut")) { "ou du" } input type="date" id=(name("debut")) name=(name("debut")) value=(first) min="2000-01-01" max="2100-12-31"; }
                p { label for=(name("fin")) { "au" } input type="date" id=(name("fin")) name=(name("fin")) value=(self.value(&name("fin"))) min="2000-01-01" max="2100-12-31"; }
            }
        }
    }

    fn zones(&self, asked: &str) -> Markup {
        // However it is spelt, and under any name that the zone is stored as.
        let is_asked = |zone: &Zone| zone.rows.iter().any(|(_, name)| fold(name) == fold(asked));
        let known = self.choices.zones.iter().any(is_asked);
        html! {
            @for zone in &self.choices.zones { option value=(zone.name) selected[is_asked(zone)] { (words::name(&zone.name)) } }
            @if !known && !asked.is_empty() { option value=(asked) selected { (words::name(asked)) } }
        }
    }

    /// Every code once, with the years that have it where not all do; none is chosen where dates are asked for.
    fn periods(&self, asked: Option<&str>, year: &str) -> Markup {
        let mut codes: Vec<(&str, &str, Vec<i32>)> = Vec::new();
        for (year, period) in self.choices.periodes.iter().flat_map(|(year, list)| list.iter().map(move |p| (*year, p)))
        {
            match codes.iter_mut().find(|(code, ..)| *code == period.code) {
                Some((.., years)) => years.push(year),
                None => codes.push((&period.code, &period.label, vec![year])),
            }
        }
        let label = |code: &str, label: &str, years: &[i32]| {
            let name = label.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
            let name = if code == "annee_complete" {
                "Année complète"
            } else if name.is_empty() {
                code
            } else {
                name
            };
            let name = capital(name);
            if years.len() < self.choices.annees.len() {
                let years: Vec<String> = years.iter().map(ToString::to_string).collect();
                format!("{name} ({})", years.join(", "))
            } else {
                name
            }
        };
        // The year that is asked for may be one without data: the page is of its period all the same.
        let with_asked = |code: &str, years: &[i32]| {
            let mut years: Vec<String> = years.iter().map(ToString::to_string).collect();
            if asked == Some(code) && !year.is_empty() && !years.iter().any(|known| known == year) {
                years.push(year.to_owned());
            }
            years.join(" ")
        };
        let unknown = asked.filter(|asked| !asked.is_empty() && !codes.iter().any(|(code, ..)| code == asked));
        html! {
            @if asked.is_none() { option value="" selected { "dates choisies" } }
            @for (code, name, years) in &codes {
                option value=(code) selected[asked == Some(code)] data-annees=(with_asked(code, years)) { (label(code, name, years)) }
            }
            @if let Some(asked) = unknown { option value=(asked) selected { (asked) } }
        }
    }
}

/// A name as the head of a line: « Été ».
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `onglet` or `visiteurs`: tourists unless excursionists are asked for.
pub(super) fn visitors(parameters: &Parameters) -> Result<Visitors, Failure> {
    match parameters.text("visiteurs") {
        None | Some("touristes") => Ok(Visitors::Touristes),
        Some("excursionnistes") => Ok(Visitors::Excursionnistes),
        Some(_) => Err(Failure::BadRequest("visiteurs : touristes ou excursionnistes est attendu".into())),
    }
}

pub(super) fn visitors_name(visitors: Visitors) -> &'static str {
    match visitors {
        Visitors::Touristes => "touristes",
        Visitors::Excursionnistes => "excursionnistes",
    }
}

#[cfg(test)]
mod tests {
    use super::capital;

    #[test]
    fn a_season_begins_with_a_capital_as_other_periods_do() {
        let periods = ["été", "printemps", "Vacances d'été", ""].map(capital);
        assert_eq!(periods, ["Été", "Printemps", "Vacances d'été", ""]);
    }
}
