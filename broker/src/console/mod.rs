//! The console: a page for people, with an MQTT test client and what happens on the server. It is
//! embedded in the program and fetches nothing from elsewhere. On the API port alone.

mod answer;
mod files;

pub(crate) use answer::answer;
