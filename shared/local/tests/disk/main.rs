//! What reaches the disk, and when: a disk in memory that loses power stands between SQLite and the files.

mod both_files;
mod group_commit;
mod power;
mod power_loss;
mod vfs;
