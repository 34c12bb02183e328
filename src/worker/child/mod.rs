//! Runs the core in a child process of the same binary.
//!
//! Models, tokenizers and data come from tenants. Whatever they make the core do, it happens in a process of its own: one that
//! may use a limited amount of memory ([`memory`]), that ends with the attempt, and whose crash is a failure of this attempt
//! alone. No other job and no connection of the service notices.
//!
//! - The parent starts `optin child` (`process`), and writes one `task` to its standard input.
//! - The child reports its progress on standard output, and ends with a result or a failure (`message`).
//! - The stage cache belongs to the parent. Its documents pass through files in a folder that both know (`journal`).
//! - The parent kills the child if the attempt must stop. The child exits if its standard input closes, so it never outlives
//!   its parent.

mod errors;
mod isolated;
mod journal;
pub mod memory;
mod message;
mod process;
mod report;
mod task;
mod work;

pub use isolated::Isolated;
pub use process::{COMMAND, Program};
pub use work::work;
