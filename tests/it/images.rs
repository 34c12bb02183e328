//! Images as examples: their formats, image processors and sources.

mod archives;
mod arrays;
mod bad;
mod folders;
mod goldens;
mod hostile;
mod label_map_errors;
mod label_map_setup;
mod label_maps;
mod pictures;
mod reader;
mod setup;
mod sources;
mod tables;
