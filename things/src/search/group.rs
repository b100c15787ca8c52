//! Searching thing groups (the index `AWS_ThingGroups`).

use super::configuration::Indexed;
use super::facts::{Facts, Scalar};
use super::query::Query;
use super::thing::not_indexed;
use crate::{Page, ThingGroup, Things, ThingsError};

/// A thing group that a search found.
pub type FoundGroup = ThingGroup;

impl Things {
    /// SearchIndex of thing groups, in order of name.
    ///
    /// # Errors
    /// InvalidQuery, ResourceNotFound while thing groups are not indexed.
    pub fn search_groups(
        &self,
        query: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<FoundGroup>, ThingsError> {
        let query = Query::parse(query)?;
        let state = self.state();
        if !Indexed::of(&state).groups {
            return Err(not_indexed("AWS_ThingGroups"));
        }
        let groups = self.all_groups(&state.registry);
        let rows = groups
            .filter(|group| query.holds(group))
            .map(|group| (group.name.clone(), group));
        Ok(Page::of(rows, after, limit))
    }
}

impl Facts for ThingGroup {
    fn any(&self, field: Option<&str>, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        let mut text = |text: &str| test(Scalar::Text(text));
        let parent = self.ancestors.last().map(|(name, _)| name.as_str());
        match field {
            None => {
                text(&self.name)
                    || self.description.as_deref().is_some_and(&mut text)
                    || self.attributes.values().any(|value| text(value))
            }
            Some("thingGroupName") => text(&self.name),
            Some("thingGroupId") => text(&self.id),
            Some("thingGroupDescription") => self.description.as_deref().is_some_and(text),
            Some("parentGroupNames") => parent.is_some_and(text),
            Some(field) => {
                let name = field.strip_prefix("attributes.");
                let value = name.and_then(|name| self.attributes.get(name));
                value.is_some_and(|value| text(value))
            }
        }
    }
}
