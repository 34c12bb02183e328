//! The dashboard: pages for people, at `/`.
//!
//! It is a client of the HTTP API in the same process. A page calls the API's router with the API key of the session, so
//! authentication, scopes, tenants, limits and the audit log hold for pages as they do for all clients. The dashboard
//! uses no store, and of this crate only types that responses of the API contain.
//!
//! Pages are rendered on the server and can be read without JavaScript. All files are part of the binary, and a page loads
//! nothing from another origin.

mod api;
mod assets;
mod form;
mod origin;
mod pages;
mod refusal;
mod response;
mod router;
mod scripts;
mod session;
mod view;
mod wire;

pub use router::with_pages;
pub use session::Sessions;
