//! Messages in English and Chinese.

/// The language of a file, detected from its headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

/// A text in English and Chinese.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    en: String,
    zh: String,
}

impl Words {
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// A text that is in the right language already, such as a message of the service.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh: text.clone(), en: text }
    }

    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }

    /// Prefixes the text with its subject: `name: is empty`.
    pub fn below(self, en: &str, zh: &str) -> Self {
        Self { en: format!("{en}: {}", self.en), zh: format!("{zh}:{}", self.zh) }
    }

    /// Turns the position of a row into the fault of another row with the same external id.
    pub fn conflict(self, id: &str) -> Self {
        Self {
            en: format!("{id} is also in {}, with other values: keep one of the rows", self.en),
            zh: format!("{id} 与{}重复但内容不同,请只保留一行", self.zh),
        }
    }
}

/// Joins texts into one.
pub fn join(words: &[Words], language: Language) -> String {
    let separator = match language {
        Language::English => "; ",
        Language::Chinese => ";",
    };
    words.iter().map(|text| text.of(language)).collect::<Vec<_>>().join(separator)
}
