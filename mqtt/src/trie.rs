//! Filters in a trie, and the values under those that match a topic. Sessions and rules both
//! use it.
//!
//! Levels are interned to numbers and all edges stand in one flat table of (node, level) to node,
//! so that a step costs one look-up of a number however many children a node has. Nodes and
//! numbers of filters that are gone are used again: subscribing and unsubscribing for ever does
//! not grow the trie. The walk keeps its own stack, so a filter of 65,535 levels is no danger.

use crate::topic::TopicFilter;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Values by topic filter.
#[derive(Debug)]
pub struct Trie<T> {
    hash_matches_parent: bool,
    /// Numbers of level texts that some edge uses.
    numbers: Map<Arc<str>, u32>,
    levels: Vec<Level>,
    free_levels: Vec<u32>,
    /// (node << 32 | level) to node.
    edges: Map<u64, u32>,
    nodes: Vec<Node<T>>,
    free_nodes: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Level {
    text: Arc<str>,
    /// Edges that use it.
    uses: u32,
}

#[derive(Debug)]
struct Node<T> {
    parent: u32,
    step: Step,
    plus: u32,
    hash: u32,
    /// Edges that begin here; `plus` and `hash` are not among them.
    children: u32,
    values: Vec<T>,
}

/// How a node is reached from its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Root,
    Plus,
    Hash,
    Level(u32),
}

const ROOT: u32 = 0;

/// No node: nothing leads to the root.
const NONE: u32 = 0;

/// A level of a topic that no filter has.
const UNKNOWN: u32 = u32::MAX;

impl<T> Trie<T> {
    /// An empty trie. `hash_matches_parent` says whether `a/#` matches `a` ([MQTT-4.7.1-2]).
    pub fn new(hash_matches_parent: bool) -> Self {
        Trie {
            hash_matches_parent,
            numbers: Map::default(),
            levels: Vec::new(),
            free_levels: Vec::new(),
            edges: Map::default(),
            nodes: vec![Node::new(ROOT, Step::Root)],
            free_nodes: Vec::new(),
            len: 0,
        }
    }

    /// Values in the trie.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value under a filter, beside those that are there.
    pub fn insert(&mut self, filter: &TopicFilter, value: T) {
        let mut at = ROOT;
        for level in filter.as_str().split('/') {
            at = self.child(at, level);
        }
        let values = &mut self.nodes[at as usize].values;
        if values.is_empty() {
            // Most filters have one.
            values.reserve_exact(1);
        }
        values.push(value);
        self.len += 1;
    }

    /// Removes the values of a filter that `which` points out. Returns how many there were.
    pub fn remove(&mut self, filter: &TopicFilter, which: impl Fn(&T) -> bool) -> usize {
        let Some(at) = self.find(filter) else {
            return 0;
        };
        let values = &mut self.nodes[at as usize].values;
        let before = values.len();
        values.retain(|value| !which(value));
        let removed = before - values.len();
        if values.is_empty() {
            *values = Vec::new();
        }
        self.len -= removed;
        self.prune(at);
        removed
    }

    /// The values under a filter, in the order they were added.
    pub fn values(&self, filter: &TopicFilter) -> &[T] {
        self.find(filter)
            .map_or(&[], |at| &self.nodes[at as usize].values)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self, filter: &TopicFilter) -> &mut [T] {
        match self.find(filter) {
            Some(at) => &mut self.nodes[at as usize].values,
            None => &mut [],
        }
    }

    /// Hands every value whose filter matches `topic` to `found`, in no promised order.
    pub fn for_each_match<'a>(&'a self, topic: &str, found: &mut dyn FnMut(&'a T)) {
        let levels: SmallVec<[u32; 16]> = topic
            .split('/')
            .map(|level| self.numbers.get(level).copied().unwrap_or(UNKNOWN))
            .collect();
        // [MQTT-4.7.2-1]: wildcards in the first level match no topic beginning with `$`.
        let reserved = topic.starts_with('$');
        let mut stack: SmallVec<[(u32, u32); 32]> = SmallVec::new();
        stack.push((ROOT, 0));
        while let Some((at, depth)) = stack.pop() {
            let node = &self.nodes[at as usize];
            let wild = !(reserved && at == ROOT);
            let Some(&level) = levels.get(depth as usize) else {
                node.values.iter().for_each(&mut *found);
                if self.hash_matches_parent && node.hash != NONE {
                    self.nodes[node.hash as usize]
                        .values
                        .iter()
                        .for_each(&mut *found);
                }
                continue;
            };
            if wild && node.hash != NONE {
                self.nodes[node.hash as usize]
                    .values
                    .iter()
                    .for_each(&mut *found);
            }
            if wild && node.plus != NONE {
                stack.push((node.plus, depth + 1));
            }
            if level != UNKNOWN
                && node.children > 0
                && let Some(&next) = self.edges.get(&edge(at, level))
            {
                stack.push((next, depth + 1));
            }
        }
    }

    /// Nodes in use, the root included; for tests and figures.
    pub fn nodes(&self) -> usize {
        self.nodes.len() - self.free_nodes.len()
    }

    fn find(&self, filter: &TopicFilter) -> Option<u32> {
        let mut at = ROOT;
        for level in filter.as_str().split('/') {
            at = match level {
                "+" => Some(self.nodes[at as usize].plus).filter(|next| *next != NONE)?,
                "#" => Some(self.nodes[at as usize].hash).filter(|next| *next != NONE)?,
                text => *self.edges.get(&edge(at, *self.numbers.get(text)?))?,
            };
        }
        Some(at)
    }

    fn child(&mut self, at: u32, level: &str) -> u32 {
        let (known, step) = match level {
            "+" => (self.nodes[at as usize].plus, Step::Plus),
            "#" => (self.nodes[at as usize].hash, Step::Hash),
            text => {
                let number = self.number(text);
                let known = self.edges.get(&edge(at, number)).copied().unwrap_or(NONE);
                (known, Step::Level(number))
            }
        };
        if known != NONE {
            return known;
        }
        let fresh = self.add_node(at, step);
        match step {
            Step::Plus => self.nodes[at as usize].plus = fresh,
            Step::Hash => self.nodes[at as usize].hash = fresh,
            Step::Level(number) => {
                self.edges.insert(edge(at, number), fresh);
                self.levels[number as usize].uses += 1;
                self.nodes[at as usize].children += 1;
            }
            Step::Root => {}
        }
        fresh
    }

    /// The number of a level's text; a new one is not in use until an edge is added.
    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let text: Arc<str> = text.into();
        let level = Level {
            text: text.clone(),
            uses: 0,
        };
        let number = match self.free_levels.pop() {
            Some(number) => {
                self.levels[number as usize] = level;
                number
            }
            None => {
                self.levels.push(level);
                (self.levels.len() - 1) as u32
            }
        };
        self.numbers.insert(text, number);
        number
    }

    fn add_node(&mut self, parent: u32, step: Step) -> u32 {
        let node = Node::new(parent, step);
        match self.free_nodes.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        }
    }

    /// Frees a node that leads nowhere, and then its parent.
    fn prune(&mut self, mut at: u32) {
        while at != ROOT && self.nodes[at as usize].is_bare() {
            let Node { parent, step, .. } = self.nodes[at as usize];
            match step {
                Step::Plus => self.nodes[parent as usize].plus = NONE,
                Step::Hash => self.nodes[parent as usize].hash = NONE,
                Step::Level(number) => {
                    self.edges.remove(&edge(parent, number));
                    self.nodes[parent as usize].children -= 1;
                    self.release(number);
                }
                Step::Root => {}
            }
            self.free_nodes.push(at);
            at = parent;
        }
    }

    fn release(&mut self, number: u32) {
        let level = &mut self.levels[number as usize];
        level.uses -= 1;
        if level.uses == 0 {
            self.numbers.remove(&level.text);
            self.free_levels.push(number);
        }
    }
}

impl<T> Node<T> {
    fn new(parent: u32, step: Step) -> Self {
        Node {
            parent,
            step,
            plus: NONE,
            hash: NONE,
            children: 0,
            values: Vec::new(),
        }
    }

    fn is_bare(&self) -> bool {
        self.values.is_empty() && self.plus == NONE && self.hash == NONE && self.children == 0
    }
}

fn edge(node: u32, level: u32) -> u64 {
    u64::from(node) << 32 | u64::from(level)
}
