//! Lists in pages: every row once, in order, also while rows come and go.

use crate::calls::call;
use crate::world::{self, NOW_MS, POLICY};
use serde_json::json;
use things::{NewPolicy, Page, ThingFilter};

fn walk<T>(mut next: impl FnMut(Option<&str>) -> Page<T>) -> Vec<T> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = next(after.as_deref());
        rows.extend(page.items);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

#[test]
fn pages_of_every_size_give_the_whole_list() {
    let things = world::in_memory();
    let names: Vec<String> = (0..7).map(|number| format!("t{number}")).collect();
    for name in &names {
        call(&things, "CreateThing", &json!({"thingName": name})).unwrap();
        let new = NewPolicy {
            name: name.clone(),
            document: POLICY.to_owned(),
            ..NewPolicy::default()
        };
        // Two of the same age each.
        let age = name.as_bytes()[1] / 2;
        things.create_policy(&new, NOW_MS + u64::from(age)).unwrap();
    }
    let all = ThingFilter::default();
    for limit in 1..9 {
        let found = walk(|after| things.list_things(&all, after, limit));
        let found: Vec<String> = found.into_iter().map(|thing| thing.name).collect();
        assert_eq!(found, names, "{limit}");
        let mut expected = names.clone();
        for ascending in [true, false] {
            let found = walk(|after| things.list_policies(ascending, after, limit));
            let found: Vec<String> = found.into_iter().map(|policy| policy.name).collect();
            assert_eq!(found, expected, "{limit} {ascending}");
            expected.reverse();
        }
    }
}

#[test]
fn a_page_goes_on_behind_a_deleted_row() {
    let things = world::in_memory();
    for name in ["a", "b", "c"] {
        call(&things, "CreateThing", &json!({"thingName": name})).unwrap();
    }
    let all = ThingFilter::default();
    let first = things.list_things(&all, None, 2);
    assert_eq!(first.next.as_deref(), Some("b"));
    things.delete_thing("b", None).unwrap();
    let second = things.list_things(&all, first.next.as_deref(), 2);
    assert_eq!(second.items[0].name, "c");
    assert_eq!(second.next, None);
}
