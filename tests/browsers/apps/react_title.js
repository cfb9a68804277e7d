// A title that follows its route, as it comes from a content system.
import { useEffect } from "react";
import { TITLE_MS } from "./late.js";

export function useTitle(title) {
  useEffect(() => {
    const timer = setTimeout(() => (document.title = title), TITLE_MS);
    return () => clearTimeout(timer);
  }, [title]);
}
