// The form of a survey in a real browser: node check.mjs http://127.0.0.1:8080 admin PASSWORD
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [base, username, password] = process.argv.slice(2);
const api = async (method, path, body, token) => {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} ${answer.status} ${text}`);
  return JSON.parse(text);
};
const login = await api("POST", "/api/v1/auth/login", { username, password });
const token = login.access_token;
const questions = [
  { id: "overall", kind: "score_1_5", required: true, text_zh: "您总体满意吗?", text_en: "How satisfied are you?" },
  { id: "recommend", kind: "nps_0_10", required: true, text_zh: "您会推荐我们吗?", text_en: "Would you recommend us?" },
  { id: "best", kind: "choice", text_zh: "您最看重什么?", text_en: "What counts most?", options: [
    { id: "quality", text_zh: "质量", text_en: "Quality" },
    { id: "delivery", text_zh: "交货", text_en: "Delivery" }] },
  { id: "comment", kind: "text", text_zh: "您的建议", text_en: "Your advice" },
];
const survey = await api("POST", "/api/v1/surveys",
  { title_zh: "客户满意度调查", title_en: "Customer satisfaction", kind: "mixed", questions }, token);
await api("POST", `/api/v1/surveys/${survey.id}/open`, undefined, token);
const sample = await api("POST", `/api/v1/surveys/${survey.id}/sample`, { size: 2 }, token);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"] });
let failed = 0;
const expect = (what, good, seen = "") => {
  console.log(`${good ? "ok  " : "FAIL"} ${what} ${seen}`);
  failed += good ? 0 : 1;
};
for (const [at, lang] of ["zh", "en"].entries()) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  const loaded = [];
  page.on("request", (request) => loaded.push(request.url()));
  await page.setViewport({ width: 360, height: 740, isMobile: true, hasTouch: true });
  const check = async (what) => {
    const found = await page.evaluate(`${axe}; axe.run().then(it => it.violations.map(v => v.id))`);
    expect(`${lang} ${what}: no fault of accessibility`, found.length === 0, found.join(" "));
    const wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
    expect(`${lang} ${what}: nothing wider than a phone`, !wide);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${lang}-${what}.png`, fullPage: true });
  };
  await page.goto(`${base}${sample.invitations[at].link}?lang=${lang}`);
  const font = await page.evaluate("getComputedStyle(document.querySelector('button')).fontWeight");
  expect(`${lang} the style is let through`, font === "600", font);
  await check("form");
  // Past the browser's own check of what is required, as an old one would.
  await page.evaluate("document.querySelector('form').noValidate = true");
  await Promise.all([page.waitForNavigation(), page.click("button")]);
  expect(`${lang} told what is missing`, (await page.$$(".faults li")).length === 2);
  await check("again");
  await page.click("input[name=overall][value='5']");
  await page.click("input[name=recommend][value='9']");
  await page.type("textarea", "很好 <b>");
  await Promise.all([page.waitForNavigation(), page.click("button")]);
  await check("thanks");
  const heading = await page.$eval("h1", (it) => it.textContent);
  expect(`${lang} thanked`, heading === (lang === "zh" ? "感谢您的评价" : "Thank you"), heading);
  await page.goto(`${base}${sample.invitations[at].link}?lang=${lang}`);
  await check("answered");
  expect(`${lang} nothing from elsewhere`, loaded.every((it) => it.startsWith(base)));
  const refused = complaints.filter((it) => !/409|410|422|favicon/.test(it));
  expect(`${lang} nothing refused by the policy`, refused.length === 0, refused.join(" | "));
}
await browser.close();
process.exit(failed ? 1 : 0);
