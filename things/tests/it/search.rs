//! Searches, dynamic groups, and the events of the registry.

use crate::calls::call;
use crate::world::{self, NOW_MS, code};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use things::{
    Change, Connectivity, DynamicQuery, GroupUpdate, NewThingGroup, RegistryEvent, SettingKey,
    ShadowName, Things,
};

fn set(things: &Things, key: SettingKey, value: Value) {
    things.change_setting(key, NOW_MS, |_| Ok(value)).unwrap();
}

fn index_everything(things: &Things) {
    set(
        things,
        SettingKey::Indexing,
        json!({
            "thingIndexingConfiguration": {
                "thingIndexingMode": "REGISTRY_AND_SHADOW",
                "thingConnectivityIndexingMode": "STATUS",
                "namedShadowIndexingMode": "ON",
                "filter": {"namedShadowNames": ["env"]},
            },
            "thingGroupIndexingConfiguration": {"thingGroupIndexingMode": "ON"},
        }),
    );
}

/// Three lamps, `lamp-1` to `lamp-3`, and a `Door`.
fn house() -> Things {
    let things = world::in_memory();
    let steps = [
        ("CreateThingType", json!({"thingTypeName": "lamp"})),
        ("CreateThingGroup", json!({"thingGroupName": "Kitchen"})),
        (
            "CreateThing",
            json!({"thingName": "lamp-1", "thingTypeName": "lamp",
            "attributePayload": {"attributes": {"colour": "Red", "watt": "9"}}}),
        ),
        (
            "CreateThing",
            json!({"thingName": "lamp-2", "thingTypeName": "lamp",
            "attributePayload": {"attributes": {"colour": "blue", "watt": "60"}}}),
        ),
        (
            "CreateThing",
            json!({"thingName": "lamp-3", "thingTypeName": "lamp",
            "attributePayload": {"attributes": {"colour": "dark red", "watt": "100"}}}),
        ),
        ("CreateThing", json!({"thingName": "Door"})),
        (
            "AddThingToThingGroup",
            json!({"thingName": "lamp-2", "thingGroupName": "Kitchen"}),
        ),
    ];
    for (operation, params) in &steps {
        call(&things, operation, params).unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
    let update = |shadow: Option<&str>, state: Value| {
        let name = ShadowName::new("lamp-1", shadow).unwrap();
        let request = json!({"state": state}).to_string();
        let shadows = things.shadows();
        shadows.update(&name, request.as_bytes(), NOW_MS).unwrap();
    };
    update(
        None,
        json!({"reported": {"on": true, "level": 7, "a.b": {"c": "x"}, "tags": ["new", "hall"]},
            "desired": {"on": false}}),
    );
    update(Some("env"), json!({"reported": {"humidity": 0.5}}));
    update(Some("other"), json!({"reported": {"secret": 1}}));
    things.know_connectivity(|client_id| {
        let connected = client_id == "lamp-1";
        (client_id != "Door").then_some(Connectivity {
            connected,
            since_ms: NOW_MS,
            disconnect_reason: (!connected).then_some("CONNECTION_LOST"),
        })
    });
    things
}

fn found(things: &Things, query: &str) -> Result<String, String> {
    match things.search_things(query, None, 100) {
        Ok(page) => {
            let names = page.items.iter().map(|thing| thing.name.as_str());
            Ok(names.collect::<Vec<_>>().join(" "))
        }
        Err(error) => Err(format!("{}: {error}", code(&error))),
    }
}

#[test]
fn queries_find_what_they_say() {
    let things = house();
    index_everything(&things);
    let cases = [
        ("thingName:lamp-1", "lamp-1"),
        ("thingName:LAMP-1", "lamp-1"),
        ("thingName:lamp*", "lamp-1 lamp-2 lamp-3"),
        ("thingName:lamp-?", "lamp-1 lamp-2 lamp-3"),
        ("*", "Door lamp-1 lamp-2 lamp-3"),
        ("thingName:*", "Door lamp-1 lamp-2 lamp-3"),
        ("door", "Door"),
        ("red", "lamp-1"),
        ("kitchen", "lamp-2"),
        ("attributes.colour:red", "lamp-1"),
        ("attributes.colour:\"dark red\"", "lamp-3"),
        ("attributes.colour:dark\\ red", "lamp-3"),
        ("attributes.colour:*", "lamp-1 lamp-2 lamp-3"),
        ("thingname:lamp-1", ""),
        ("thingTypeName:lamp AND attributes.colour:blue", "lamp-2"),
        ("thingTypeName:lamp attributes.colour:blue", "lamp-2"),
        ("thingName:Door OR attributes.colour:blue", "Door lamp-2"),
        ("thingName:(Door OR lamp-3)", "Door lamp-3"),
        (
            "thingTypeName:lamp NOT attributes.colour:blue",
            "lamp-1 lamp-3",
        ),
        (
            "thingTypeName:lamp -thingGroupNames:Kitchen",
            "lamp-1 lamp-3",
        ),
        ("NOT thingTypeName:lamp", "Door"),
        (
            "(thingName:Door OR thingName:lamp-1) AND NOT thingName:Door",
            "lamp-1",
        ),
        ("attributes.watt:[9 TO 60]", "lamp-1 lamp-2"),
        ("attributes.watt:{9 TO 60]", "lamp-2"),
        ("attributes.watt:[9 TO 60}", "lamp-1"),
        ("attributes.watt:[60 TO *]", "lamp-2 lamp-3"),
        ("attributes.watt>9", "lamp-2 lamp-3"),
        ("attributes.watt>=60", "lamp-2 lamp-3"),
        ("attributes.watt:<=9", "lamp-1"),
        ("attributes.watt < 100", "lamp-1 lamp-2"),
        ("attributes.colour:[b TO c]", "lamp-2"),
        ("shadow.reported.on:true", "lamp-1"),
        ("shadow.desired.on:false", "lamp-1"),
        ("shadow.reported.level:[5 TO 8]", "lamp-1"),
        ("shadow.reported.level:7", "lamp-1"),
        ("shadow.reported.a.b.c:x", "lamp-1"),
        ("shadow.reported.tags:hall", "lamp-1"),
        ("shadow.hasDelta:true", "lamp-1"),
        ("shadow.name.env.hasDelta:false", "lamp-1"),
        ("shadow.name.env.reported.humidity<1", "lamp-1"),
        ("shadow.name.other.reported.secret:1", ""),
        ("connectivity.connected:true", "lamp-1"),
        ("connectivity.connected:false", "lamp-2 lamp-3"),
        ("connectivity.disconnectReason:CONNECTION*", "lamp-2 lamp-3"),
        ("connectivity.timestamp>1", "lamp-1 lamp-2 lamp-3"),
        ("nothing.known:1", ""),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&things, query).as_deref(), Ok(expected), "{query}");
    }
}

#[test]
fn queries_that_cannot_be_meant_are_refused() {
    let things = house();
    index_everything(&things);
    for query in [
        "",
        " ",
        "thingName:",
        "thingName:*mp",
        "thingName:?",
        "(thingName:a",
        "thingName:a)",
        "thingName:[a TO",
        "thingName:[a b]",
        "thingName:\"a",
        "a AND",
        "NOT",
        "a\\",
        "a b c d e f g h",
    ] {
        let refused = found(&things, query).err().unwrap_or_default();
        let expected = if query == "thingName:?" {
            // One character is a pattern like any other.
            refused.is_empty()
        } else {
            refused.starts_with("InvalidQueryException: Invalid query: ")
        };
        assert!(expected, "{query}: {refused}");
    }
    let deep = "(".repeat(10_000);
    assert!(found(&things, &deep).is_err());
}

#[test]
fn nothing_is_found_before_indexing_is_switched_on() {
    let things = house();
    let refused = found(&things, "thingName:*").unwrap_err();
    assert!(
        refused.starts_with("ResourceNotFoundException"),
        "{refused}"
    );
    assert!(things.search_groups("*", None, 10).is_err());
    set(
        &things,
        SettingKey::Indexing,
        json!({"thingIndexingConfiguration": {"thingIndexingMode": "REGISTRY"}}),
    );
    assert_eq!(found(&things, "shadow.hasDelta:true").as_deref(), Ok(""));
    assert_eq!(
        found(&things, "connectivity.connected:true").as_deref(),
        Ok("")
    );
    let page = things.search_things("thingName:lamp*", None, 2).unwrap();
    assert_eq!(page.next.as_deref(), Some("lamp-2"));
    let page = things
        .search_things("thingName:lamp*", Some("lamp-2"), 2)
        .unwrap();
    assert_eq!((page.items[0].name.as_str(), page.next), ("lamp-3", None));
    assert_eq!(page.items[0].shadow, None);
}

#[test]
fn groups_are_found_by_what_they_are() {
    let things = house();
    index_everything(&things);
    let below = NewThingGroup {
        name: "Shelf".to_owned(),
        parent: Some("Kitchen".to_owned()),
        attributes: [("wood".to_owned(), "oak".to_owned())].into(),
        ..NewThingGroup::default()
    };
    things.create_thing_group(&below, NOW_MS).unwrap();
    let found = |query: &str| {
        let page = things.search_groups(query, None, 10).unwrap();
        let names = page.items.into_iter().map(|group| group.name);
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("thingGroupName:k*"), "Kitchen");
    assert_eq!(found("parentGroupNames:Kitchen"), "Shelf");
    assert_eq!(found("attributes.wood:oak"), "Shelf");
    assert_eq!(found("*"), "Kitchen Shelf");
}

#[test]
fn a_dynamic_group_has_the_things_that_its_query_finds() {
    let things = house();
    let query = |query: &str| DynamicQuery {
        query: query.to_owned(),
        index: "AWS_Things".to_owned(),
        version: "2017-09-30".to_owned(),
    };
    let create = |name: &str, asked: &str| {
        let group = NewThingGroup {
            name: name.to_owned(),
            query: Some(query(asked)),
            ..NewThingGroup::default()
        };
        things.create_thing_group(&group, NOW_MS)
    };
    let refused = create("bad", "thingName:*x").unwrap_err();
    assert_eq!(code(&refused), "InvalidQueryException");
    create("dim", "attributes.watt<50").unwrap();
    let members = |group: &str| {
        let page = things.list_things_in_thing_group(group, false, None, 10);
        page.unwrap().items.join(" ")
    };
    assert_eq!(members("dim"), "lamp-1");
    let groups = things
        .list_thing_groups_for_thing("lamp-1", None, 10)
        .unwrap();
    assert_eq!(groups.items[0].name, "dim");
    let changed = json!({"thingName": "lamp-2",
        "attributePayload": {"attributes": {"watt": "5"}, "merge": true}});
    call(&things, "UpdateThing", &changed).unwrap();
    assert_eq!(members("dim"), "lamp-1 lamp-2");
    let update = |dynamic| GroupUpdate {
        name: "dim".to_owned(),
        query: Some(query("attributes.watt>50")),
        dynamic,
        ..GroupUpdate::default()
    };
    assert_eq!(things.update_thing_group(&update(true)), Ok(2));
    assert_eq!(members("dim"), "lamp-3");
    for refused in [
        things.update_thing_group(&update(false)).map(drop),
        things.add_thing_to_thing_group("Door", "dim"),
        call(
            &things,
            "CreateThingGroup",
            &json!({"thingGroupName": "below", "parentGroupName": "dim"}),
        )
        .map(drop),
    ] {
        assert_eq!(code(&refused.unwrap_err()), "InvalidRequestException");
    }
    things.delete_thing_group("dim", None).unwrap();
    assert!(
        things
            .list_things_in_thing_group("dim", false, None, 10)
            .is_err()
    );
}

fn heard(things: &Arc<Things>) -> Arc<Mutex<Vec<RegistryEvent>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    things.watch(move |change| {
        if let Change::Event(event) = change {
            ear.lock().unwrap().push(event.clone());
        }
    });
    heard
}

#[test]
fn events_are_told_once_they_are_wanted() {
    let things = Arc::new(world::in_memory());
    let heard = heard(&things);
    let topics = |calls: &[(&str, Value)]| {
        heard.lock().unwrap().clear();
        for (operation, params) in calls {
            call(&things, operation, params).unwrap();
        }
        let events = heard.lock().unwrap();
        let topic =
            |event: &RegistryEvent| event.topic.trim_start_matches("$aws/events/").to_owned();
        events.iter().map(topic).collect::<Vec<_>>()
    };
    assert!(topics(&[("CreateThing", json!({"thingName": "before"}))]).is_empty());
    let kinds = [
        "THING",
        "THING_TYPE",
        "THING_TYPE_ASSOCIATION",
        "THING_GROUP",
        "THING_GROUP_MEMBERSHIP",
        "THING_GROUP_HIERARCHY",
    ];
    let all: serde_json::Map<String, Value> = kinds
        .iter()
        .map(|kind| ((*kind).to_owned(), json!({"Enabled": true})))
        .collect();
    set(&things, SettingKey::Events, all.into());
    let told = topics(&changes());
    assert_eq!(told, TOLD);
    let events = heard.lock().unwrap().clone();
    let (added, removed) = (&events[8].members, &events[9].members);
    assert_eq!(added["membershipId"], removed["membershipId"]);
    assert_eq!(added["groupId"], removed["groupId"]);
    assert_eq!(added["groupId"], events[6].members["thingGroupId"]);
    assert_eq!(events[1].members["operation"], "CREATED");
    assert_eq!(events[1].members["versionNumber"], 1);
    assert_eq!(events[6].members["parentGroupName"], "g");
    set(
        &things,
        SettingKey::Events,
        json!({"THING": {"Enabled": false}}),
    );
    assert!(topics(&[("CreateThing", json!({"thingName": "after"}))]).is_empty());
}

/// Changes of every kind.
fn changes() -> Vec<(&'static str, Value)> {
    vec![
        ("CreateThingType", json!({"thingTypeName": "lamp"})),
        (
            "CreateThing",
            json!({"thingName": "t", "thingTypeName": "lamp"}),
        ),
        (
            "UpdateThing",
            json!({"thingName": "t", "removeThingType": true}),
        ),
        ("CreateThingGroup", json!({"thingGroupName": "g"})),
        (
            "CreateThingGroup",
            json!({"thingGroupName": "h", "parentGroupName": "g"}),
        ),
        (
            "AddThingToThingGroup",
            json!({"thingName": "t", "thingGroupName": "h"}),
        ),
        ("DeleteThingGroup", json!({"thingGroupName": "h"})),
        ("DeleteThing", json!({"thingName": "t"})),
    ]
}

/// The topics of their events, below `$aws/events/`.
const TOLD: [&str; 13] = [
    "thingType/lamp/created",
    "thing/t/created",
    "thingTypeAssociation/thing/t/thingType/lamp/added",
    "thing/t/updated",
    "thingTypeAssociation/thing/t/thingType/lamp/removed",
    "thingGroup/g/created",
    "thingGroup/h/created",
    "thingGroupHierarchy/thingGroup/g/childThingGroup/h/added",
    "thingGroupMembership/thingGroup/h/thing/t/added",
    "thingGroupMembership/thingGroup/h/thing/t/removed",
    "thingGroup/h/deleted",
    "thingGroupHierarchy/thingGroup/g/childThingGroup/h/removed",
    "thing/t/deleted",
];
