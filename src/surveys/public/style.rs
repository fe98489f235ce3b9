//! Style of the pages, and their content security policy.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// Embedded in the page, so that nothing else is loaded. Controls are at least 44 pixels high.
pub const STYLE: &str = "\
:root{color-scheme:light dark}\
*{box-sizing:border-box}\
body{font:1.0625rem/1.6 system-ui,-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',\
sans-serif;margin:0 auto;max-width:42rem;padding:1rem;color:#1b1b1b;background:#fff;\
overflow-wrap:anywhere}\
header{display:flex;justify-content:space-between;align-items:center;gap:1rem}\
h1{font-size:1.5rem;line-height:1.3}\
a{color:#0b57a4;display:inline-block;padding:.5rem 0}\
fieldset,.field{border:1px solid #767676;border-radius:.5rem;margin:0 0 1.25rem;padding:.75rem 1rem}\
legend,.field>label{font-weight:600;padding:0 .25rem}\
.must{font-weight:400}\
.scale{display:flex;flex-wrap:wrap;gap:.25rem .5rem}\
.choice{display:flex;align-items:center;gap:.5rem;min-height:2.75rem;min-width:2.75rem;\
padding:.25rem .5rem}\
.choice input{width:1.25rem;height:1.25rem;flex:none}\
textarea{font:inherit;width:100%;min-height:7rem}\
button{font:inherit;font-weight:600;min-height:3rem;padding:.5rem 2rem;border:0;border-radius:.5rem;\
color:#fff;background:#0b57a4}\
:focus-visible{outline:3px solid #b35900;outline-offset:2px}\
.wrong{border-color:#b3261e;border-width:2px}\
.fault{color:#b3261e;font-weight:600;margin:.25rem 0}\
.faults{border:2px solid #b3261e;border-radius:.5rem;padding:.25rem 1rem;margin:0 0 1.25rem}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab8f0}\
.fault{color:#ffb4ab}.wrong,.faults{border-color:#ffb4ab}}";

/// Allows no scripts, pictures, frames or external resources; only this style, and forms sent to
/// the service itself.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});
