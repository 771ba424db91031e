import { describe, expect, it } from "vitest";
import { zh as arrival } from "../src/lib/i18n/arrival/zh";
import { zh as court } from "../src/lib/i18n/court/zh";
import { zh as shares } from "../src/lib/i18n/shares/zh";
import { spaced, spacedAround } from "../src/lib/i18n/spaced";
import { zh } from "../src/lib/i18n/zh";

describe("Chinese sentences with words put in", () => {
  it("stand apart from Latin words and figures", () => {
    const t = { shares: spaced(shares), court: spaced(court), common: spaced(zh) };
    expect(t.shares.made("Ann Reyes")).toBe("链接正在发送给 Ann Reyes。");
    expect(t.shares.made("安·雷耶斯")).toBe("链接正在发送给安·雷耶斯。");
    expect(t.court.deck.asksSuspend("R. Santos")).toBe("R. Santos 申请中止庭审");
    expect(t.court.deck.asksSuspend("张三")).toBe("张三申请中止庭审");
    expect(t.common.ago(4)).toBe("4 秒前");
  });

  it("do not stand apart from Chinese words, wherever the sentence has spaces", () => {
    expect(spacedAround("张三 应从何处参加？", ["张三"])).toBe("张三应从何处参加？");
    expect(spacedAround("请 张三 入庭", ["张三"])).toBe("请张三入庭");
    expect(spacedAround("请 Ann 入庭", ["Ann"])).toBe("请 Ann 入庭");
  });

  it("keep their punctuation, and what was put in as it is", () => {
    expect(spacedAround("正在提交《Delivery note》，62%", ["Delivery note", "62"])).toBe("正在提交《Delivery note》，62%");
    expect(spacedAround("出示证据A1.pdf", ["证据A1.pdf"])).toBe("出示证据A1.pdf");
    expect(spacedAround("（Ann）", ["Ann"])).toBe("（Ann）");
    expect(spacedAround("由Ann于09:30提交", ["Ann", "09:30"])).toBe("由 Ann 于 09:30 提交");
  });

  it("hold in lists and pairs, and in every part of the tree", () => {
    const words = spaced({ pair: (name: string) => [`请${name}入庭`, "好"], part: [{ of: (name: string) => `由${name}出示` }] });
    expect(words.pair("Ann")).toEqual(["请 Ann 入庭", "好"]);
    expect(words.part[0]?.of("Ann")).toBe("由 Ann 出示");
    expect(Object.keys(spaced(arrival))).toEqual(Object.keys(arrival));
  });
});
