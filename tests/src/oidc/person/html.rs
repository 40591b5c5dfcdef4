//! As much HTML as it takes to fill in these pages: the first form, its inputs, and the way out.

/// A form as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) inputs: Vec<Input>,
}

/// One input of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_hidden: bool,
}

/// How to say no.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// By following this link.
    Link(String),
    /// By a button of the form, with this name and value.
    Button(String, String),
}

/// The first form of the page.
pub(super) fn form(page: &str) -> Option<Form> {
    let (_, rest) = page.split_once("<form")?;
    let (inside, _) = rest.split_once("</form>")?;
    let action = attribute(inside.split('>').next()?, "action")?;
    Some(Form { action, inputs: tags(inside, "input").filter_map(input).collect() })
}

/// The way out of the page.
pub(super) fn refusal(page: &str) -> Option<Refusal> {
    let button =
        tags(page, "button").find(|tag| attribute(tag, "name").as_deref() == Some("abort"));
    if let Some(tag) = button {
        return Some(Refusal::Button("abort".to_owned(), attribute(tag, "value")?));
    }
    let link = tags(page, "a").find_map(|tag| attribute(tag, "href"))?;
    link.ends_with("/abort").then_some(Refusal::Link(link))
}

fn input(tag: &str) -> Option<Input> {
    Some(Input {
        name: attribute(tag, "name")?,
        value: attribute(tag, "value").unwrap_or_default(),
        is_hidden: attribute(tag, "type").as_deref() == Some("hidden"),
    })
}

/// The attributes of every tag of this name.
fn tags<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    html.split('<')
        .filter_map(move |part| part.strip_prefix(name)?.split('>').next())
        .filter(|attributes| attributes.starts_with(char::is_whitespace))
}

/// The value of a quoted attribute; a name that only ends like it is another one.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!("{name}=\"");
    let mut found = tag.match_indices(&start).map(|(at, _)| tag.split_at(at));
    let (_, own) = found.find(|(before, _)| before.ends_with(char::is_whitespace))?;
    let (value, _) = own[start.len()..].split_once('"')?;
    Some(unescape(value))
}

/// `&amp;` last, or `&amp;lt;` would come out as `<`.
fn unescape(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
