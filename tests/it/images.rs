//! Images as examples: their formats, image processors and sources.

mod archives;
mod arrays;
mod bad;
mod folders;
mod goldens;
mod reader;
mod setup;
mod sources;
mod tables;
