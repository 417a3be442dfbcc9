//! `docs.node_color`: the color of a node in the docs site's graph.
//!
//! In: a node with its merged config. Out: a problem if the color is neither a CSS name nor a hex code.

use crate::base::Value;
use crate::diag::{Diagnostic, codes};
use crate::node::Node;

/// The named colors of CSS Color Module Level 4.
const NAMES: &str = "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown \
    burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod \
    darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon \
    darkseagreen darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey \
    dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey \
    honeydew hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral \
    lightcyan lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue \
    lightslategray lightslategrey lightsteelblue lightyellow lime limegreen linen magenta maroon mediumaquamarine \
    mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise \
    mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered \
    orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple \
    rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue \
    slateblue slategray slategrey snow springgreen steelblue tan teal thistle tomato turquoise violet wheat white \
    whitesmoke yellow yellowgreen";

/// What is wrong with a node's color; its place is the caller's to add.
pub(super) fn problem(node: &Node) -> Option<(Diagnostic, &Value)> {
    let color = node.config.map("docs")?.get("node_color").filter(|color| color.is_truthy())?;
    let text = color.to_string().to_lowercase();
    if is_hex(&text) || NAMES.split(' ').any(|name| name == text) {
        return None;
    }
    let message = format!("the `docs.node_color` of {} is '{color}', which is no color", node.id);
    let problem = Diagnostic::error(codes::CONFIG_INVALID, message).node(node.id.to_string());
    Some((problem.help("write the name of a color as in CSS, or a hex code: \"#cd7f32\" or \"#fff\""), color))
}

fn is_hex(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| matches!(digits.len(), 3 | 6) && digits.chars().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_codes_have_three_or_six_digits() {
        for (text, fits) in [("#fff", true), ("#cd7f32", true), ("#ffff", false), ("cd7f32", false), ("#ggg", false)] {
            assert_eq!(is_hex(text), fits, "{text}");
        }
    }
}
