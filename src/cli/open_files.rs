//! Keeps the number of connections below the limit of open files of the process.

use crate::api::Connections;

/// Number of files that the service needs for other purposes: connections on reserved places, databases, stored files and
/// sources.
const OTHER_FILES: usize = 512;

/// Minimum number of connections.
const LEAST: usize = 64;

/// Lowers the maximum number of connections if the process may not open as many files. Otherwise, connections would take
/// the files that the database and the artifact store need.
pub(super) fn within_open_files(connections: Connections) -> Connections {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(limit) = soft_limit(&limits) else {
        return connections;
    };
    let most = limit.saturating_sub(OTHER_FILES).max(LEAST);
    if most >= connections.most {
        return connections;
    }
    tracing::warn!(
        limit,
        most,
        wanted = connections.most,
        "the limit of open files allows fewer connections than --max-connections; raise it, for example with ulimit -n or LimitNOFILE"
    );
    Connections {
        most,
        most_per_address: connections.most_per_address.min(most),
        ..connections
    }
}

/// The soft limit of open files in `/proc/self/limits`. `None` if there is none.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::soft_limit;

    #[test]
    fn the_soft_limit_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max processes             63432                63432                processes\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(text), Some(1_024));
        assert_eq!(soft_limit("Max open files unlimited unlimited files"), None);
        assert_eq!(soft_limit(""), None);
    }
}
