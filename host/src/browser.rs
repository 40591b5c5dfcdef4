//! Opening a browser, without a shell.

/// Opens `url`; tells whether something was started that should show it. BROWSER is honoured.
///
/// `webbrowser` is built to open http(s) URLs only, and to silence what it starts.
pub(crate) async fn open(url: &str) -> bool {
    let url = url.to_owned();
    // It asks desktop tools for the default browser, which can take a while.
    tokio::task::spawn_blocking(move || webbrowser::open(&url).is_ok()).await.unwrap_or(false)
}
