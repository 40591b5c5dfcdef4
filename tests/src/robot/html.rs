//! As much HTML as it takes to press a button: tags, attributes, the text of an element.
//!
//! It reads pages whose author escapes `<` and quotes every attribute, as the sandbox does.

/// A form as a button would submit it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    /// The fields as the page has them, then the button's own.
    pub(super) fields: Vec<(String, String)>,
}

/// The first form of the page, submitted by the button with this value.
pub(super) fn form(page: &str, button: &str) -> Option<Form> {
    let (_, rest) = page.split_once("<form")?;
    let (inside, _) = rest.split_once("</form>")?;
    let (own, children) = inside.split_once('>')?;
    let mut fields: Vec<(String, String)> = tags(children, "input").filter_map(field).collect();
    let pressed = tags(children, "button").filter_map(field).find(|(_, value)| value == button)?;
    fields.push(pressed);
    Some(Form { action: attribute(own, "action")?, fields })
}

/// The text of the element with this id; the element has no elements inside.
pub(super) fn text(page: &str, id: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!(" id=\"{id}\""))?;
    let (_, content) = rest.split_once('>')?;
    let (text, _) = content.split_once('<')?;
    Some(unescape(text.trim()))
}

fn field(tag: &str) -> Option<(String, String)> {
    Some((attribute(tag, "name")?, attribute(tag, "value")?))
}

/// The attributes of every tag of this name.
fn tags<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    html.split('<').filter_map(move |part| part.strip_prefix(name)?.split('>').next())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescape(value))
}

/// `&amp;` last, or `&amp;lt;` would come out as `<`.
fn unescape(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
