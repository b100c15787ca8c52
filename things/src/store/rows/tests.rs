//! What the store of rows promises, on a disk.

use super::pending::Pending;
use super::*;
use fjall::Database;
use std::path::Path;

fn open(directory: &Path) -> Rows {
    let database = Database::builder(directory).open().unwrap();
    Rows::start(Tables::open(&database).unwrap()).unwrap()
}

fn put(table: Table, key: &str, value: &str) -> Row {
    let value = value.to_owned();
    Row::put(table, key.as_bytes(), value.len(), || value.into_bytes())
}

fn remove(table: Table, key: &str) -> Row {
    Row::remove(table, key.as_bytes())
}

fn all(rows: &Rows, table: Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let read = rows.each(table, |key, value| found.push((text(key), text(value))));
    read.unwrap();
    found
}

/// A `then` that sends `what`, and the end at which it arrives.
fn tell<T: Send + 'static>(to: &mpsc::Sender<(T, bool)>, what: T) -> Option<Then> {
    let to = to.clone();
    Some(Box::new(move |on_disk| to.send((what, on_disk)).unwrap()))
}

/// What is there after `rounds`, each of which is one `write`, and a restart.
fn check(rounds: Vec<Vec<Row>>, expected: &[(Table, &str, &str)]) {
    let directory = tempfile::tempdir().unwrap();
    let rows = open(directory.path());
    rounds.into_iter().for_each(|round| rows.write(round, None));
    drop(rows);
    let rows = open(directory.path());
    let found = Table::ALL.into_iter().flat_map(|table| {
        let rows = all(&rows, table).into_iter();
        rows.map(move |(key, value)| (table, key, value))
    });
    let expected = expected.iter();
    let expected = expected.map(|&(table, key, value)| (table, key.into(), value.into()));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn rows_survive_a_restart_as_they_were_last_written() {
    use Table::{Queues, Retained, Sessions};
    check(vec![], &[]);
    check(
        vec![vec![
            put(Queues, "b", "1"),
            put(Queues, "a", "2"),
            put(Retained, "a", "3"),
        ]],
        &[(Retained, "a", "3"), (Queues, "a", "2"), (Queues, "b", "1")],
    );
    check(
        vec![
            vec![put(Sessions, "a", "1"), put(Sessions, "b", "1")],
            vec![put(Sessions, "a", "2"), remove(Sessions, "b")],
            vec![remove(Sessions, "never there")],
        ],
        &[(Sessions, "a", "2")],
    );
    check(vec![vec![put(Queues, "a", "1"), remove(Queues, "a")]], &[]);
    check(
        vec![vec![remove(Sessions, "a"), put(Sessions, "a", "1")]],
        &[(Sessions, "a", "1")],
    );
}

#[test]
fn a_row_that_goes_before_it_is_written_is_never_made() {
    let mut pending = Pending::default();
    let unmade = || unreachable!("it is gone");
    pending.change(Row::put(Table::Queues, *b"a", 1, unmade));
    pending.change(remove(Table::Queues, "a"));
    assert!(pending.is_empty());
    assert_eq!(pending.bytes, 0);
    // A retained message's topic may have been written before, so its end is.
    pending.change(put(Table::Retained, "a", "1"));
    pending.change(remove(Table::Retained, "a"));
    assert!(!pending.is_empty());
}

#[test]
fn those_who_wait_are_told_in_order_when_their_rows_are_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let rows = Arc::new(open(directory.path()));
    let (told, tales) = mpsc::channel();
    for number in 0..100 {
        let seen = Arc::clone(&rows);
        let told = told.clone();
        let then = move |on_disk| {
            let found = all(&seen, Table::Queues).len();
            told.send((number, on_disk, found)).unwrap();
        };
        let key = format!("{number:03}");
        rows.write([put(Table::Queues, &key, "")], Some(Box::new(then)));
    }
    for number in 0..100 {
        let (found, on_disk, rows) = tales.recv().unwrap();
        assert_eq!((found, on_disk), (number, true));
        assert!(rows > number, "{rows} rows at the {number}th");
    }
}

#[test]
fn one_batch_takes_all_that_came_during_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let rows = open(directory.path());
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    rows.on_commit(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    // The writer is held in a `then` until all the rest has been accepted.
    let (go, held) = mpsc::channel::<()>();
    let hold = move |_| held.recv().unwrap();
    rows.write([put(Table::Queues, "first", "")], Some(Box::new(hold)));
    let (told, tales) = mpsc::channel();
    while !all(&rows, Table::Queues)
        .iter()
        .any(|(key, _)| key == "first")
    {
        thread::yield_now();
    }
    for number in 0..50 {
        let key = format!("{number}");
        rows.write([put(Table::Queues, &key, "")], tell(&told, number));
    }
    go.send(()).unwrap();
    assert!((0..50).all(|number| tales.recv().unwrap() == (number, true)));
    rows.stop();
    assert_eq!(commits.load(Ordering::Relaxed), 2);
}

#[test]
fn clear_leaves_what_comes_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let rows = open(directory.path());
    for table in Table::ALL {
        rows.write([put(table, "a", "1"), put(table, "b", "1")], None);
    }
    rows.clear().unwrap();
    rows.write([put(Table::Sessions, "a", "2")], None);
    rows.stop();
    for table in Table::ALL {
        let kept = [("a".to_owned(), "2".to_owned())];
        let kept = if table == Table::Sessions {
            &kept[..]
        } else {
            &[]
        };
        assert_eq!(all(&rows, table), kept, "{table:?}");
    }
}

#[test]
fn after_the_stop_nothing_is_accepted_and_whoever_waits_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let rows = open(directory.path());
    let (told, tales) = mpsc::channel();
    rows.write([put(Table::Queues, "a", "")], tell(&told, "before"));
    rows.stop();
    rows.write([put(Table::Queues, "b", "")], tell(&told, "after"));
    rows.stop();
    assert_eq!(tales.recv().unwrap(), ("before", true));
    assert_eq!(tales.recv().unwrap(), ("after", false));
    assert!(rows.clear().is_err());
    assert_eq!(all(&rows, Table::Queues).len(), 1);
}
