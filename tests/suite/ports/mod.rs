//! The contracts of the ports: one suite of sentences, and each adapter held to all of them.

mod contract;
mod dynamo;
mod sqlite;
mod things;
