//! The API as its callers see it: requests go in at the door, and what comes out is compared with
//! what AWS does.

mod expect;
mod placeholders;
mod request;
mod vectors;
mod world;
