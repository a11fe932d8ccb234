//! Programs that installers of Python write for a wheel: a script of it with another first line, or
//! a few lines that call one of its functions.
//! <https://packaging.python.org/en/latest/specifications/entry-points/>

use crate::oci::Digest;
use std::collections::BTreeMap;

/// Lines that pip and uv write around the call, with one kind of quotation marks.
const LINES: [&str; 12] = [
    "# -*- coding: utf-8 -*-",
    "import re",
    "import sys",
    "if __name__ == '__main__':",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])",
    "    if sys.argv[0].endswith('-script.pyw'):",
    "        sys.argv[0] = sys.argv[0][:-11]",
    "    elif sys.argv[0].endswith('.exe'):",
    "    if sys.argv[0].endswith('.exe'):",
    "        sys.argv[0] = sys.argv[0][:-4]",
    "",
];

/// Whether the program of this name is one that a package with these scripts and functions has.
pub(super) fn is_of(name: &[u8], text: &[u8], known: &BTreeMap<Vec<u8>, Digest>) -> bool {
    if known.get(&[b"programs/", name].concat()) == Some(&Digest::of(text)) {
        return true;
    }
    let Some(end) = text.iter().position(|byte| *byte == b'\n') else { return false };
    let (first, rest) = text.split_at(end + 1);
    if !is_python(first) {
        return false;
    }
    let script = known.get(&[b"scripts/", name].concat());
    let function = known.get(&[b"functions/", name].concat());
    script == Some(&Digest::of(rest))
        || called(rest).is_some_and(|it| function == Some(&Digest::of(it.as_bytes())))
}

/// `#!/usr/local/bin/python3.13`
fn is_python(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let Some(path) = line.trim_end().strip_prefix("#!/") else { return false };
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("python") && !path.contains("..") && !path.contains(' ')
}

/// `MODULE:FUNCTION` that a program calls, if it does nothing else.
fn called(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.replace('"', "'");
    let (mut imported, mut called) = (None, None);
    for line in text.lines() {
        let import = line.strip_prefix("from ").and_then(|line| line.split_once(" import "));
        let call = line.strip_prefix("    sys.exit(").and_then(|call| call.strip_suffix("())"));
        if let (Some(import), None) = (import, &imported) {
            imported = Some(import);
        } else if let (Some(call), None) = (call, &called) {
            called = Some(call);
        } else if !LINES.contains(&line) {
            return None;
        }
    }
    let ((module, import), function) = imported.zip(called)?;
    let is_that = function.split('.').next() == Some(import);
    is_that.then(|| format!("{module}:{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_do_nothing_but_call() {
        let known: BTreeMap<Vec<u8>, Digest> = [
            (b"functions/greet".to_vec(), Digest::of(b"greeter.main:App.run")),
            (b"scripts/hello".to_vec(), Digest::of(b"print(1)\n")),
        ]
        .into();
        let pip = "#!/usr/local/bin/python3.13\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom \
                   greeter.main import App\nif __name__ == '__main__':\n    sys.argv[0] = \
                   re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(App.run())\n";
        let uv = "#!/venv/bin/python\n# -*- coding: utf-8 -*-\nimport sys\nfrom greeter.main import \
                  App\nif __name__ == \"__main__\":\n    if sys.argv[0].endswith(\"-script.pyw\"):\n        \
                  sys.argv[0] = sys.argv[0][:-11]\n    elif sys.argv[0].endswith(\".exe\"):\n        \
                  sys.argv[0] = sys.argv[0][:-4]\n    sys.exit(App.run())\n";
        let more = pip.replace("import re\n", "import re\nimport os; os.system('x')\n");
        for (name, text, expected) in [
            ("greet", pip, true),
            ("greet", uv, true),
            ("greet", &more, false),
            ("greet", &pip.replace("App", "Evil"), false),
            ("greet", &pip.replace("/python3.13", "/payload"), false),
            ("other", pip, false),
            ("hello", "#!/usr/bin/python3\nprint(1)\n", true),
            ("hello", "#!/usr/bin/python3\nprint(2)\n", false),
            ("hello", "print(1)\n", false),
        ] {
            assert_eq!(is_of(name.as_bytes(), text.as_bytes(), &known), expected, "{name}\n{text}");
        }
    }
}
